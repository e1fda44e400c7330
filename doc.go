// Package fdht recognises video and other sequences with extremely compact recurrent networks: an LSTM whose whole weight
// matrix, all gates, input-to-hidden and hidden-to-hidden, is one hierarchical Tucker matrix (FDHT-LSTM; Yin, Liao,
// Liu, Wang, Yuan, CVPR 2021). A network that reads raw 160x120x3 frames into 256 hidden units holds a few thousand
// recurrent weights in place of 59 million.
//
// The package uses models: [Load] one, [Model.Predict] what is in a video file, a folder of images or a sequence of
// feature rows, or take a stream frame by frame with [Model.NewStream]. Models are trained by the program,
//
//	go run github.com/fdht/fdht/cmd/fdht@latest demo
//
// or with the packages below this one: factor (structured matrices), rnn (the network), dataset, train, model, plan.
package fdht
