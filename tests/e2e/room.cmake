# End to end: real brokers, and clients in threads and processes, over the shared library as users have it.
add_library(e2e_support STATIC tests/e2e/support/wait.c tests/e2e/support/server.c tests/e2e/support/child.c
            tests/e2e/support/call.c tests/e2e/support/client.c tests/e2e/support/proxy.c)
target_include_directories(e2e_support PUBLIC tests tests/e2e/support client proto)
target_compile_definitions(e2e_support PRIVATE MQ_BROKER_PATH="$<TARGET_FILE:mq-broker>")
target_link_libraries(e2e_support PUBLIC mqc_shared PkgConfig::CUNIT Threads::Threads)
add_dependencies(e2e_support mq-broker)

# e2e_program(NAME SOURCE...): a program on the support library.
function(e2e_program name)
  list(TRANSFORM ARGN PREPEND tests/e2e/)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE e2e_support)
endfunction()

# e2e_test(NAME LABELS COMMAND...)
function(e2e_test name labels)
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 240)
endfunction()

foreach(part put_get shutdown trouble)
  e2e_program(e2e_contract_${part} contract_${part}.c contract.c)
  foreach(handles one two)
    e2e_test(e2e_contract_${part}_${handles} "e2e;tsan" e2e_contract_${part} ${handles})
  endforeach()
endforeach()
