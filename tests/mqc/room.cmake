# The client library alone, against a broker that follows a script; and its threads and memory, against a real one.
mq_library(mqc_fake tests/mqc/fake.c tests/mqc/ahead_rig.c)
target_include_directories(mqc_fake PUBLIC tests/mqc broker)
target_link_libraries(mqc_fake PUBLIC e2e_support codec PkgConfig::ZMQ)

foreach(part ahead ahead_leases arguments line calls put async async_trouble threads)
  add_executable(mqc_${part} tests/mqc/${part}.c)
  target_link_libraries(mqc_${part} PRIVATE mqc_fake)
  threads_test(mqc_${part} mqc_${part})
endforeach()
foreach(part async async_trouble)
  target_sources(mqc_${part} PRIVATE tests/mqc/async_rig.c)
endforeach()

# With the library's objects themselves, so that their allocations can be made to fail.
add_executable(mqc_memory tests/mqc/memory.c tests/e2e/support/broker.c
               tests/e2e/support/server.c tests/e2e/support/wait.c)
target_include_directories(mqc_memory PRIVATE tests tests/e2e/support client)
target_compile_definitions(mqc_memory PRIVATE MQ_BROKER_PATH="$<TARGET_FILE:mq-broker>")
target_link_libraries(mqc_memory PRIVATE mqc_objects PkgConfig::CUNIT Threads::Threads)
target_link_options(mqc_memory PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc)
add_dependencies(mqc_memory mq-broker)
e2e_test(mqc_memory e2e mqc_memory)

# Both libraries define what the header declares, and nothing else.
add_test(NAME mqc_exports COMMAND ${CMAKE_CURRENT_LIST_DIR}/exports.sh $<TARGET_FILE:mqc_shared> ${MQC_STATIC}
                                  ${CMAKE_SOURCE_DIR}/client/mqc.h)
set_tests_properties(mqc_exports PROPERTIES LABELS unit)
