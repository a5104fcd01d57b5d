# The client library alone, against a broker that follows a script; and its threads and memory, against a real one.
mq_library(mqc_fake tests/mqc/fake.c)
target_include_directories(mqc_fake PUBLIC tests/mqc)
target_link_libraries(mqc_fake PUBLIC e2e_support codec PkgConfig::ZMQ)

foreach(part line calls put)
  add_executable(mqc_${part} tests/mqc/${part}.c)
  target_link_libraries(mqc_${part} PRIVATE mqc_fake)
  threads_test(mqc_${part} mqc_${part})
endforeach()
