# A real mq-broker and peers that mean it no good, or know it no better: raw sockets and raw ZeroMQ.
add_library(hostile_support STATIC tests/hostile/peer.c tests/hostile/raw.c)
target_include_directories(hostile_support PUBLIC tests/hostile)
target_link_libraries(hostile_support PUBLIC e2e_support codec proto PkgConfig::ZMQ)

foreach(name process bytes frames numbers flood)
  add_executable(e2e_hostile_${name} tests/hostile/${name}.c)
  target_link_libraries(e2e_hostile_${name} PRIVATE hostile_support)
  add_test(NAME e2e_hostile_${name} COMMAND e2e_hostile_${name})
  set_tests_properties(e2e_hostile_${name} PROPERTIES LABELS e2e TIMEOUT 240)
endforeach()
