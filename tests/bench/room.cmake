# Programs that measure; they are built with the tests and run by hand.
add_executable(bench_codec tests/bench/codec.c)
target_link_libraries(bench_codec PRIVATE codec)
