# The command: shell scripts against a real broker, and the unit tests of its pure parts.
foreach(name cli_parse cli_input cli_json cli_run histogram bench_tally)
  target_link_libraries(unit_${name} PRIVATE cli_parts)
endforeach()

# More queues than anybody wants to make one command at a time.
add_executable(cli_many_queues tests/cli/many_queues.c)
target_link_libraries(cli_many_queues PRIVATE mqc_objects)

file(GLOB CLI_TESTS CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/tests/cli tests/cli/test_*.sh)
foreach(file ${CLI_TESTS})
  string(REGEX REPLACE "test_(.*)\\.sh" "cli_\\1" name ${file})
  add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_LIST_DIR}/${file} $<TARGET_FILE_DIR:mq>)
  set_tests_properties(${name} PROPERTIES LABELS cli TIMEOUT 240)
endforeach()
