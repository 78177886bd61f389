# One interface target carries the flags that every source of ours is compiled with.
add_library(thalamus_flags INTERFACE)
target_compile_options(thalamus_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
if(THALAMUS_WERROR)
  target_compile_options(thalamus_flags INTERFACE -Werror)
endif()
# Same seed, same bytes: a contracted multiply-add would make results depend on the processor.
target_compile_options(thalamus_flags INTERFACE -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives of these two in coroutine frames and in inlined standard containers.
  target_compile_options(thalamus_flags INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds
                         -Wno-restrict -Wno-dangling-pointer -Wno-stringop-overread -Wno-mismatched-new-delete)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(thalamus_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(THALAMUS_SANITIZE)
  add_compile_options(-fsanitize=${THALAMUS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${THALAMUS_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND THALAMUS_SANITIZE MATCHES "undefined")
    # These four take GCC a third of the whole build's time. The fuzz build, Clang's, has them.
    add_compile_options(-fno-sanitize=null,alignment,object-size,vptr)
  endif()
endif()
target_include_directories(thalamus_flags INTERFACE ${CMAKE_SOURCE_DIR})
