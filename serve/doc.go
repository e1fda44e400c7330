// Package serve is an HTTP service over loaded models: an API with its OpenAPI text, a WebSocket that takes video frame by frame, health, metrics, and
// a page for people.
//
// # Requests
//
// Everything below /v1 and /metrics needs the token where the server has one: Authorization: Bearer TOKEN. The page, /healthz, /readyz, /openapi.json
// and /docs do not. An error is problem JSON (RFC 9457), application/problem+json:
//
//	{"title":"Unprocessable Entity","status":422,"detail":"clip.mp4: no video frames in it"}
//
// 400 the request is malformed; 401 token missing or wrong; 403 asked from a page of another host; 404 no such model or path; 405 no such method; 408 the
// upload took too long; 413 too many bytes, frames, rows, steps or pixels; 415 no video or array by its content type; 421 the Host is a name that this server does
// not know as its own; 422 a value of the query is wrong, the clip cannot be read, or decoding it takes too long; 431 the headers are too long; 503 too much at
// once, with Retry-After.
//
//	GET /v1/models
//	{"models":[{"name":"utd","default":true,"cell":"lstm","kind":"ht","classes":27,"video":true,"stream":true}],
//	 "limits":{"body_bytes":67108864,"frame_pixels":2088960,"frames":3000,"message_bytes":8388608,"streams":1024,"queue":2}}
//
// video: it takes frames, else rows of features; stream: it can take them one at a time (a bidirectional network cannot).
//
//	GET /v1/model?model=utd
//	{"name":"utd","default":true,"cell":"lstm","kind":"ht","scope":"full","bidirectional":false,"input":19200,"hidden":256,"layers":1,
//	 "pooling":"mean","steps":16,"labels":["wave",...],"video":true,"stream":true,
//	 "frame":{"height":120,"width":160,"channels":1,"input":"diff","lag":5,"gain":4},
//	 "weights":3552,"biases":1024,"head":6939,"total":11515,"bytes":48612,"dense_weights":19922944,"ratio":5608.9,"mac_per_frame":2755584,
//	 "matrices":[MATRIX...]}
//
// Without ?model= it is the default one. steps: frames taken of a clip, 0 = all; frame is left out for models of rows; its lag is a list where there are several channels of differences. weights are the recurrent ones, which the
// ratio to dense_weights is about. One MATRIX for each of the network's:
//
//	{"name":"cell.0","kind":"ht","part":"all","rows":1024,"columns":21600,"in":[9,15,10,16],"out":[16,4,4,4],
//	 "weights":3552,"dense_weights":19922944,
//	 "factors":[{"name":"leaf.0","shape":[16,9,8],"weights":1152},...],
//	 "tree":NODE}
//
// part: all (input and hidden half), input or hidden. in and out are the modes; a dense matrix has one of each. columns may be more than there are inputs: those
// too many are zero. dense_weights are those of the matrix that it stands for. tree is there for kind ht only:
//
//	{"name":"0-4","modes":[0,1,2,3],"rank":1,"factor":"transfer.0-4","shape":[8,8,1],"weights":64,"children":[NODE,NODE]}
//	{"name":"0","modes":[0],"in":9,"out":16,"rank":8,"factor":"leaf.0","shape":[16,9,8],"weights":1152}
//
// The root comes first; a leaf has in and out and no children.
//
//	POST /v1/predict?model=utd&steps=16&short=repeat&each=true
//	{"input":"clip.mp4","label":"wave","probs":[...],"logits":[...],"frames":16,"each":[[...],...]}
//
// The body is the clip itself (video/*, image/gif, application/octet-stream; application/x-npy for rows [T, F]), or multipart/form-data with it in the
// field clip. The answer is what fdht predict --json prints; probs and logits are in the order of labels. steps (0: all frames) and short (repeat: a clip with
// fewer frames repeats some) are as the flags of fdht predict. With each=true, of a model that can stream, each has the probabilities after every step; it is left
// out otherwise.
//
//	GET /healthz   200 {"status":"ok"} while the process lives
//	GET /readyz    200 {"status":"ready"}; 503 {"status":"draining"} once it is about to stop
//	GET /metrics   Prometheus text
//
// # Streams
//
// GET /v1/stream?model=utd upgrades to a WebSocket. A browser, which cannot set the Authorization header, offers the subprotocols "fdht.v1" and
// "fdht.token.TOKEN64", the token in base64url without padding, or puts "token":TOKEN into its first message. The server selects fdht.v1 where it is
// offered. First the client says in a text message what it is going to send:
//
//	{"format":"grey","width":160,"height":120}
//
// format: grey (width x height bytes a frame), rgb (3 bytes a pixel), both row-major; jpeg (one picture a frame, width and height left out); float32 (a row of
// features, little-endian, for models that take no frames; width and height left out). Frames are brought to the model's size and channels. An unknown
// key is an error. The server answers with one text message:
//
//	{"ready":true,"model":"utd","labels":["wave",...],"queue":2}
//
// Then each binary message is a frame, and for each that went through the network there is a text message:
//
//	{"frame":17,"steps":16,"label":"wave","top":[{"label":"wave","probability":0.91},...],"latency_ms":1.204,"dropped":2}
//
// frame counts what the client sent, from 0; steps counts what the network took of the sequence; top has the 5 most probable classes (or all there are),
// the most probable first; latency_ms is from the arrival of the frame's header to this line; dropped is how many frames of this stream were dropped so far.
// The text message {"reset":true} starts a new sequence with the next frame.
//
// At most queue frames of a stream wait. When one more comes, the oldest that waits is dropped: the newest frame wins. Streams take turns: one that sends
// faster than it is served loses its own frames, not those of others. A model of differences compares the frames that got through.
//
// The server closes with a code and a reason: 1000 the client closed; 1001 the server stops (frames that wait are still answered); 1003 a kind of message that
// does not belong there; 1007 a message that cannot be read (not the announced size, no JPEG, no JSON); 1008 token missing or wrong, no first message
// in time, or nothing sent for too long; 1009 larger than the limit; 1011 an error inside. What is known before the upgrade (a wrong token, the model, the
// number of streams) is refused with an HTTP status. A client that does not take its answers is cut off without a word.
package serve
