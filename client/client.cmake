# libmqc, shared and static, and the mq command.
add_library(mqc_shared SHARED $<TARGET_OBJECTS:mqc_objects>)
target_include_directories(mqc_shared INTERFACE client proto)
target_link_libraries(mqc_shared PRIVATE core codec PkgConfig::ZMQ Threads::Threads)
set_target_properties(mqc_shared PROPERTIES OUTPUT_NAME mqc VERSION ${PROJECT_VERSION} SOVERSION 0
                      LINKER_LANGUAGE C)

# The static library is one object: what it needs of the other rooms linked in, and every hidden name local.
set(MQC_STATIC ${CMAKE_CURRENT_BINARY_DIR}/libmqc.a)
add_custom_command(
  OUTPUT ${MQC_STATIC}
  COMMAND ${CMAKE_LINKER} -r -o libmqc.o --whole-archive $<TARGET_FILE:mqc_objects> --no-whole-archive
          $<TARGET_FILE:core> $<TARGET_FILE:codec> $<TARGET_FILE:proto>
  COMMAND ${CMAKE_OBJCOPY} --localize-hidden libmqc.o
  COMMAND ${CMAKE_COMMAND} -E rm -f ${MQC_STATIC}
  COMMAND ${CMAKE_AR} crs ${MQC_STATIC} libmqc.o
  DEPENDS mqc_objects core codec proto
  COMMENT "Linking static library libmqc.a")
add_custom_target(mqc_static ALL DEPENDS ${MQC_STATIC})

# It finds the rest by its own place, so that `cmake --install --prefix` may put it anywhere.
file(RELATIVE_PATH MQC_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(client/libmqc.pc.in libmqc.pc @ONLY)
install(TARGETS mqc_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${MQC_STATIC} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/libmqc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES client/mqc.h proto/mq_types.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES client/mqc.3 client/libmqc.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)

# Complete small programs.
file(GLOB EXAMPLES CONFIGURE_DEPENDS client/examples/*.c)
foreach(file ${EXAMPLES})
  get_filename_component(name ${file} NAME_WE)
  add_executable(example_${name} ${file})
  set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name}
                        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/examples)
  target_link_libraries(example_${name} PRIVATE mqc_shared Threads::Threads)
endforeach()

# The command; jansson writes what --json prints. All but main() is a library, for the unit tests.
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
file(GLOB CLI_SOURCES CONFIGURE_DEPENDS client/cli_*.c client/cmd_*.c client/bench_*.c)
mq_library(cli_parts ${CLI_SOURCES})
target_include_directories(cli_parts PUBLIC client proto)
target_link_libraries(cli_parts PUBLIC mqc_objects PkgConfig::JANSSON Threads::Threads m
                      PRIVATE PkgConfig::XXHASH)
add_executable(mq client/cli.c)
target_link_libraries(mq PRIVATE cli_parts)
install(TARGETS mq RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES client/mq.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
