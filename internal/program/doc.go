// Package program writes a network down as a list of plain operations, for engines that have no planner, no allocator and
// little memory: C on a microcontroller, WebAssembly in a page, integer arithmetic.
//
// A matrix y = W x goes block by block over its columns: a block is all columns with the same leading modes. What a
// block needs beside the weights as the model holds them is a short list of steps, the same for every block but for
// where in the first factors it begins. W x is the sum over blocks, so x need never be in memory whole.
//
// Letters: B columns of a block, I inputs, H hidden units, M = G H rows, S a sum's labels, T the labels that come in.
package program
