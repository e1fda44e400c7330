//go:build !mpi

package mpi

import "errors"

// Library names the MPI library; empty: this program was built without one.
func Library() string { return "" }

// Start is an error in a program without MPI.
func Start() (World, error) { return nil, errors.New("this program was built without MPI") }
