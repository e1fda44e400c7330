// Package c writes a model as C99: a header, a source and its weights, without allocation and without a library.
//
// The engine (folder engine) is the same for all models; it follows the list of operations that package program makes and that
// stands, as numbers, in the weights file. So one compiled engine can also run models that are loaded: see Engine.
package c
