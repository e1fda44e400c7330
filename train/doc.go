// Package train trains a model.File on labelled clips and measures it: cross-entropy, AdamW, schedules, early stopping,
// checkpoints from which a run goes on to the same numbers, evaluation and its plots.
//
// Every number that a run computes depends on the model, the data, the Settings and the seed in them; not on the number
// of workers, on how often the run was interrupted, or on the clock.
package train
