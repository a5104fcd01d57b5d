# The simulator. Each entry runs other seeds; `sim --minutes M` runs random ones, and a failure prints its replay.
file(GLOB SIM_SOURCES CONFIGURE_DEPENDS tests/sim/*.c)
add_executable(sim ${SIM_SOURCES})
target_link_libraries(sim PRIVATE fake_disk journal core codec proto)
# The model hears what keeper and engine say to each other.
foreach(call engine_taken engine_checkpoint engine_refuse_puts engine_fail engine_limit_facts
        safe_put_refusal)
  target_link_options(sim PRIVATE -Wl,--wrap=${call})
endforeach()
foreach(part RANGE 3)
  math(EXPR seed "1 + 150 * ${part}")
  add_test(NAME sim_${part} COMMAND sim --seed ${seed} --seeds 150 --steps 10000)
  set_tests_properties(sim_${part} PROPERTIES LABELS sim TIMEOUT 300)
endforeach()
