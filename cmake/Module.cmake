# thalamus_module(NAME [DEPS ...] [PRIVATE ...] [EXCLUDE regex]): one folder, one static library.
# Sources are globbed so that a new method needs no edit here.
function(thalamus_module name)
  cmake_parse_arguments(ARG "" "EXCLUDE" "DEPS;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  if(ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX ${ARG_EXCLUDE})
  endif()
  if(NOT sources)
    add_library(thalamus_${name} INTERFACE)
    target_link_libraries(thalamus_${name} INTERFACE thalamus_flags ${ARG_DEPS} ${ARG_PRIVATE})
  else()
    add_library(thalamus_${name} STATIC ${sources})
    target_link_libraries(thalamus_${name} PUBLIC thalamus_flags ${ARG_DEPS} PRIVATE ${ARG_PRIVATE})
  endif()
  add_library(thalamus::${name} ALIAS thalamus_${name})
endfunction()

# thalamus_test_folder(NAME DEPS ...): tests/NAME/test_*.cpp become one GoogleTest executable and one ctest entry.
function(thalamus_test_folder name)
  cmake_parse_arguments(ARG "" "" "DEPS;LABELS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/test_*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE thalamus_flags ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  # The tests' own code is compiled more often than it is run: optimising it takes a third of their compile time.
  set(level -O1)
  if(THALAMUS_SANITIZE)
    set(level -O0)
  endif()
  target_compile_options(test_${name} PRIVATE ${level})
  target_compile_definitions(test_${name} PRIVATE THALAMUS_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                             THALAMUS_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${name} COMMAND test_${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES TIMEOUT 900 LABELS "unit;${ARG_LABELS}")
endfunction()

# thalamus_fuzz_target(FILE DEPS ...): tests/fuzz/FILE.cpp is a libFuzzer target under Clang and, everywhere else, a
# program that runs the committed corpus once, then mutations of it for THALAMUS_FUZZ_SECONDS.
function(thalamus_fuzz_target name)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  if(THALAMUS_FUZZ)
    add_executable(fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/${name}.cpp)
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/${name}.cpp
                   ${CMAKE_SOURCE_DIR}/tests/fuzz/run_corpus.cpp)
  endif()
  target_link_libraries(fuzz_${name} PRIVATE thalamus_flags ${ARG_DEPS})
  add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name}
           -seconds=${THALAMUS_FUZZ_SECONDS})
  set_tests_properties(fuzz_${name} PROPERTIES LABELS "unit;fuzz" TIMEOUT 300)
endfunction()
