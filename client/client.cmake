# libmqc, shared and static, and the mq command.
file(GLOB CLI_SOURCES CONFIGURE_DEPENDS client/cli*.c client/cmd_*.c)
add_executable(mq ${CLI_SOURCES})
target_include_directories(mq PRIVATE client proto)
target_link_libraries(mq PRIVATE mqc_objects)
install(TARGETS mq RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES client/mqc.h proto/mq_types.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES client/mq.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
