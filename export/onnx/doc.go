// Package onnx writes a model as an ONNX file: standard operators only, the factors as weights and the contraction order of
// package factor as the graph. ONNX Runtime merges at loading what does not depend on the input.
//
// Letters: B sequences, T steps, I inputs, H hidden units, C classes, M rows of a cell's matrix, S numbers of a stream's state.
package onnx
