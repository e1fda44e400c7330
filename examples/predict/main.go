// Command predict says what is in video files, with the library: a model file, then the files.
//
//	go run ./examples/predict runs/demo/model.safetensors runs/demo/clips/left.y4m
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/fdht/fdht"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: predict MODEL FILE...")
	}
	m, err := fdht.Load(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for _, file := range os.Args[2:] {
		p, err := m.Predict(context.Background(), file)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", file, p.Label)
		for _, k := range p.Top(3) {
			fmt.Printf("  %.3f  %s\n", p.Probs[k], m.Classes()[k])
		}
	}
}
