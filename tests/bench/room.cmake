# Programs that measure; they are built with the tests and run by hand.
add_executable(bench_codec tests/bench/codec.c)
target_link_libraries(bench_codec PRIVATE codec)

# What `compare` runs: the race in each broker's own client, and the limits of libzmq itself. A peer's program is built
# if its client library is installed; nothing else needs them.
add_library(race STATIC tests/bench/race.c tests/bench/clock.c tests/bench/line.c)
target_include_directories(race PUBLIC tests/bench)
target_link_libraries(race PUBLIC Threads::Threads)

# bench_program(NAME LIBRARY...): tests/bench/NAME.c as bench/NAME in the build directory.
function(bench_program name)
  add_executable(bench_${name} tests/bench/${name}.c)
  set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name}
                        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  target_link_libraries(bench_${name} PRIVATE race ${ARGN})
endfunction()

bench_program(peer_mq mqc_shared)
bench_program(peer_zmq PkgConfig::ZMQ)
bench_program(limit_router PkgConfig::ZMQ)

# What a peer's client library is called by pkg-config; beanstalkd is spoken to without one.
foreach(peer redis:hiredis nats:libnats rabbit:librabbitmq)
  string(REPLACE ":" ";" peer ${peer})
  list(GET peer 0 name)
  list(GET peer 1 library)
  pkg_check_modules(PEER_${name} QUIET IMPORTED_TARGET ${library})
  if(PEER_${name}_FOUND)
    bench_program(peer_${name} PkgConfig::PEER_${name})
  endif()
endforeach()
bench_program(peer_beanstalk)

# Measurements of mq alone, on libmqc.
add_library(scene STATIC tests/bench/scene.c)
target_include_directories(scene PUBLIC tests/bench)
target_link_libraries(scene PUBLIC race mqc_shared Threads::Threads)
foreach(name memory queues depth threads flood durable)
  bench_program(scene_${name} scene)
endforeach()

bench_program(scene_restart scene)

# That it does not rot: few items, mq and the bare limits only. What it says about speed is not looked at.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME bench_compare COMMAND ${CMAKE_CURRENT_LIST_DIR}/smoke.sh ${CMAKE_BINARY_DIR})
set_tests_properties(bench_compare PROPERTIES LABELS bench TIMEOUT 240)

# What the rules alone cost.
add_executable(bench_engine tests/bench/engine.c)
target_link_libraries(bench_engine PRIVATE broker_parts core proto)

# How fast a data directory is read back.
add_executable(bench_recover tests/bench/recover.c)
target_link_libraries(bench_recover PRIVATE broker_parts)

add_executable(bench_replay tests/bench/replay.c)
target_link_libraries(bench_replay PRIVATE core proto)
