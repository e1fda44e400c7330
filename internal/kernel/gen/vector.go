package main

func vector(t isa) {}
