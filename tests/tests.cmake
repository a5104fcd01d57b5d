# One program per module, so that a crash costs one program. Labels: unit, sim, fuzz, e2e, cli.
pkg_check_modules(CUNIT REQUIRED IMPORTED_TARGET cunit)

# The engine on a bench and the conversation on a desk, in virtual time.
mq_library(rig tests/rig.c tests/rig_replies.c tests/rig_facts.c tests/rig_restart.c tests/text.c
           tests/log_world.c tests/log_describe.c tests/desk.c)
target_link_libraries(rig PUBLIC core PkgConfig::CUNIT)

# A disk in memory that loses, tears and mixes up what was not synced.
mq_library(fake_disk tests/fake_disk.c tests/fake_disk_crash.c tests/fake_disk_parts.c)
target_include_directories(fake_disk PUBLIC tests)
target_link_libraries(fake_disk PUBLIC journal Threads::Threads)

# tests/unit_NAME.c becomes the test unit_NAME. It may use everything but sockets.
file(GLOB UNIT_TESTS CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/tests tests/unit_*.c)
foreach(file ${UNIT_TESTS})
  get_filename_component(name ${file} NAME_WE)
  add_executable(${name} tests/${file})
  target_link_libraries(${name} PRIVATE rig fake_disk broker_parts journal core codec proto PkgConfig::CUNIT)
  file(STRINGS ${CMAKE_SOURCE_DIR}/tests/${file} wraps_malloc REGEX "failing_malloc.h")
  if(wraps_malloc)
    target_link_options(${name} PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc)
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
endforeach()

# Each room of the tests brings its own file.
file(GLOB TEST_ROOMS CONFIGURE_DEPENDS tests/*/room.cmake)
foreach(room ${TEST_ROOMS})
  include(${room})
endforeach()

# The broker's threads run with the thread sanitizer, too.
set_tests_properties(unit_crew PROPERTIES LABELS "unit;tsan" ENVIRONMENT "TSAN_OPTIONS=${TSAN_OPTIONS}")
add_dependencies(tsan_tests unit_crew)
