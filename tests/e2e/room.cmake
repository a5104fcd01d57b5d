# End to end: real brokers, and clients in threads and processes, over the shared library as users have it.
add_library(e2e_support STATIC tests/e2e/support/wait.c tests/e2e/support/broker.c tests/e2e/support/server.c
            tests/e2e/support/child.c tests/e2e/support/call.c tests/e2e/support/client.c tests/e2e/support/proxy.c
            tests/e2e/support/team.c)
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

# The client library's threads: these also run in a build with the thread sanitizer, and need this target only.
add_custom_target(tsan_tests)
set(TSAN_OPTIONS "suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp halt_on_error=1 second_deadlock_stack=1")
function(threads_test name program)
  e2e_test(${name} "e2e;tsan" ${program} ${ARGN})
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "TSAN_OPTIONS=${TSAN_OPTIONS}")
  add_dependencies(tsan_tests ${program})
endfunction()

foreach(part put_get shutdown trouble)
  e2e_program(e2e_contract_${part} contract_${part}.c contract.c)
  foreach(handles one two)
    threads_test(e2e_contract_${part}_${handles} e2e_contract_${part} ${handles})
  endforeach()
endforeach()
# The same rules, with every answer on disk.
function(data_test name program)
  e2e_test(${name} e2e ${program} ${ARGN})
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "E2E_DATA=always")
endfunction()
foreach(part put_get shutdown trouble)
  data_test(e2e_data_contract_${part} e2e_contract_${part} two)
endforeach()

e2e_program(e2e_durable durable.c)
e2e_test(e2e_durable e2e e2e_durable)
e2e_test(e2e_durable_interval e2e e2e_durable interval)

e2e_program(e2e_torture torture.c torture_book.c)
e2e_test(e2e_torture e2e e2e_torture)
e2e_test(e2e_restarts e2e e2e_torture --restarts --kills 20)

# A disk that fails, and one that is full.
add_library(faulty_disk MODULE tests/e2e/faulty_disk.c)
target_link_libraries(faulty_disk PRIVATE ${CMAKE_DL_LIBS})
e2e_test(e2e_sync_fails e2e ${CMAKE_CURRENT_LIST_DIR}/sync_fails.sh ${CMAKE_BINARY_DIR} $<TARGET_FILE:faulty_disk>)
e2e_test(e2e_disk_full e2e ${CMAKE_CURRENT_LIST_DIR}/disk_full.sh ${CMAKE_BINARY_DIR})
set_tests_properties(e2e_disk_full PROPERTIES SKIP_RETURN_CODE 77)
e2e_test(e2e_backlog e2e ${CMAKE_CURRENT_LIST_DIR}/backlog.sh ${CMAKE_BINARY_DIR} "${MQ_SANITIZE}")

e2e_test(e2e_format e2e ${CMAKE_CURRENT_LIST_DIR}/format.sh ${CMAKE_BINARY_DIR})

e2e_program(e2e_handle handle.c)
threads_test(e2e_handle e2e_handle)
data_test(e2e_data_handle e2e_handle)
e2e_program(e2e_async async.c)
threads_test(e2e_async e2e_async)
e2e_test(e2e_async_million e2e e2e_async million)
data_test(e2e_data_async_cut e2e_async cut)
e2e_program(e2e_ahead ahead.c)
threads_test(e2e_ahead e2e_ahead)
e2e_program(e2e_line line.c)
threads_test(e2e_line_cut e2e_line cut)
e2e_test(e2e_line_bodies e2e e2e_line bodies)
e2e_program(e2e_crash crash.c)
e2e_test(e2e_crash e2e e2e_crash)
e2e_program(e2e_crowd crowd.c)
e2e_test(e2e_crowd e2e e2e_crowd)
set_tests_properties(e2e_crowd PROPERTIES RUN_SERIAL TRUE)

# The compiler's flags that a program needs to use a library that was built with sanitizers.
set(E2E_CFLAGS "")
if(MQ_SANITIZE)
  set(E2E_CFLAGS "-fsanitize=${MQ_SANITIZE}")
endif()
e2e_test(e2e_install e2e ${CMAKE_CURRENT_LIST_DIR}/install.sh ${CMAKE_BINARY_DIR} ${CMAKE_C_COMPILER} ${E2E_CFLAGS})
e2e_test(e2e_readme e2e ${CMAKE_CURRENT_LIST_DIR}/readme.sh ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_BINARY_DIR}
         ${CMAKE_C_COMPILER} ${E2E_CFLAGS})
e2e_test(e2e_examples e2e ${CMAKE_CURRENT_LIST_DIR}/examples.sh ${CMAKE_BINARY_DIR})
