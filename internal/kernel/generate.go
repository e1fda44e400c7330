package kernel

// The assembly is written by the generator in gen, a module of its own, and committed.

//go:generate go run -C gen . -unit layout -go ../layout.go
//go:generate go run -C gen . -unit mul -isa avx512 -go ../mul_avx512_amd64.go -out ../mul_avx512_amd64.s -stubs ../mul_avx512_stub_amd64.go -pkg kernel
//go:generate go run -C gen . -unit mul -isa avx2 -go ../mul_avx2_amd64.go -out ../mul_avx2_amd64.s -stubs ../mul_avx2_stub_amd64.go -pkg kernel
//go:generate go run -C gen . -unit dot -isa avx512 -out ../dot_avx512_amd64.s -stubs ../dot_avx512_stub_amd64.go -pkg kernel
//go:generate go run -C gen . -unit dot -isa avx2 -out ../dot_avx2_amd64.s -stubs ../dot_avx2_stub_amd64.go -pkg kernel
//go:generate go run -C gen . -unit vector -isa avx512 -out ../vector_avx512_amd64.s -stubs ../vector_avx512_stub_amd64.go -pkg kernel
//go:generate go run -C gen . -unit vector -isa avx2 -out ../vector_avx2_amd64.s -stubs ../vector_avx2_stub_amd64.go -pkg kernel
//go:generate go run -C gen . -unit peak -isa avx512 -out ../peak_avx512_amd64.s -stubs ../peak_avx512_stub_amd64.go -pkg kernel
//go:generate go run -C gen . -unit peak -isa avx2 -out ../peak_avx2_amd64.s -stubs ../peak_avx2_stub_amd64.go -pkg kernel
//go:generate go run -C gen . -unit transpose -isa avx512 -out ../transpose_avx512_amd64.s -stubs ../transpose_avx512_stub_amd64.go -pkg kernel
//go:generate go run -C gen . -unit transpose -isa avx2 -out ../transpose_avx2_amd64.s -stubs ../transpose_avx2_stub_amd64.go -pkg kernel
//go:generate go run -C gen . -unit neon -go ../mul_neon_arm64.go
