# What `thalamus --version` says beside the number, known when the build is configured: no build links anew for it.
set(revision "")
find_program(GIT_PROGRAM git)
if(GIT_PROGRAM AND EXISTS ${CMAKE_SOURCE_DIR}/.git)
  execute_process(COMMAND ${GIT_PROGRAM} -C ${CMAKE_SOURCE_DIR} rev-parse --short=12 HEAD
                  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
set(version_definitions
    THALAMUS_REVISION="${revision}" THALAMUS_BUILD_TYPE="${CMAKE_BUILD_TYPE}"
    THALAMUS_SANITIZERS="${THALAMUS_SANITIZE}")
if(THALAMUS_HAVE_ONNXRUNTIME)
  list(APPEND version_definitions THALAMUS_ENCODER="ONNX Runtime ${onnxruntime_version}")
else()
  list(APPEND version_definitions THALAMUS_ENCODER="")
endif()

# For this folder's targets; the other sources do not see it, and so are not compiled anew for another revision.
macro(thalamus_version_source)
  set_source_files_properties(${CMAKE_SOURCE_DIR}/app/thalamus/version.cpp
                              PROPERTIES COMPILE_DEFINITIONS "${version_definitions}")
endmacro()
