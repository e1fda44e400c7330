// Package model holds what a trained network is outside of the program: the model file, which is one safetensors file
// with the network's configuration as text beside its weights, the scaling of its inputs, and the checkpoints of a
// training run. docs/file-format.md describes the files for readers in other languages.
package model
