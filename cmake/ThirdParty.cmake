# Every library that is not ours, as one target thirdparty::NAME. A target's comment names the only folder that may
# link it. Headers count as system headers, so warnings in them are not ours; archives are static where Debian has
# them or where a source of ours under cmake/thirdparty/ builds them, so that a shipped executable needs the C library
# and nothing else.
#
# tools/setup.sh installs what is looked for here. THALAMUS_HAVE_LLAMA says whether llama.cpp is there.

find_package(Threads REQUIRED)

# ---- where things are -----------------------------------------------------------------------------------------------

if(DEFINED ENV{THALAMUS_DEPS_DIR})
  set(thalamus_deps_default $ENV{THALAMUS_DEPS_DIR})
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(thalamus_deps_default $ENV{XDG_CACHE_HOME}/thalamus/deps)
else()
  set(thalamus_deps_default $ENV{HOME}/.cache/thalamus/deps)
endif()
set(THALAMUS_DEPS_DIR ${thalamus_deps_default} CACHE PATH "What tools/setup.sh put beside Debian's packages")

set(thirdparty_sources ${CMAKE_CURRENT_LIST_DIR}/thirdparty)
set(thirdparty_remedy "Run tools/setup.sh, then configure again.")

# A header that must be there; it stays on the compiler's own search path.
function(thirdparty_require_header header)
  string(MAKE_C_IDENTIFIER thirdparty_header_${header} variable)
  find_path(${variable} ${header})
  mark_as_advanced(${variable})
  if(NOT ${variable})
    message(FATAL_ERROR "<${header}> is not installed. ${thirdparty_remedy}")
  endif()
endfunction()

# A library without sources: thirdparty_headers(NAME header).
function(thirdparty_headers name header)
  thirdparty_require_header(${header})
  add_library(thirdparty_${name} INTERFACE)
  add_library(thirdparty::${name} ALIAS thirdparty_${name})
endfunction()

# A static archive at a given path and what it needs: thirdparty_archive(NAME path [LINKS...]).
function(thirdparty_archive name path)
  if(NOT EXISTS ${path})
    message(FATAL_ERROR "The static archive for ${name} (${path}) is not there. ${thirdparty_remedy}")
  endif()
  add_library(thirdparty::${name} STATIC IMPORTED GLOBAL)
  set_target_properties(thirdparty::${name} PROPERTIES IMPORTED_LOCATION ${path} INTERFACE_LINK_LIBRARIES "${ARGN}")
endfunction()

# Debian's own static archive: thirdparty_debian(NAME header archive [LINKS...]).
function(thirdparty_debian name header archive)
  thirdparty_require_header(${header})
  string(MAKE_C_IDENTIFIER thirdparty_${archive} variable)
  find_library(${variable} NAMES ${archive})
  mark_as_advanced(${variable})
  if(NOT ${variable})
    message(FATAL_ERROR "${archive} is not installed. ${thirdparty_remedy}")
  endif()
  thirdparty_archive(${name} ${${variable}} ${ARGN})
endfunction()

# An archive we compile once, without any of our warnings: thirdparty_compiled(NAME header source...).
function(thirdparty_compiled name header)
  thirdparty_require_header(${header})
  add_library(thirdparty_${name} STATIC ${ARGN})
  target_compile_options(thirdparty_${name} PRIVATE -w)
  add_library(thirdparty::${name} ALIAS thirdparty_${name})
endfunction()

# ---- formatting and logging: thalamus/base ---------------------------------------------------------------------------

# Debian has no libfmt.a, and FMT_HEADER_ONLY would compile the formatter into every source.
thirdparty_compiled(fmt fmt/format.h ${thirdparty_sources}/fmt_library.cpp)

thirdparty_compiled(spdlog spdlog/spdlog.h ${thirdparty_sources}/spdlog_library.cpp)
target_compile_definitions(thirdparty_spdlog PUBLIC SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)
target_link_libraries(thirdparty_spdlog PUBLIC thirdparty::fmt Threads::Threads)

# ---- JSON of outcome tables: thalamus/trace --------------------------------------------------------------------------

set(simdjson_folder ${THALAMUS_DEPS_DIR}/simdjson-3.0.1)
if(NOT EXISTS ${simdjson_folder}/simdjson.cpp)
  message(FATAL_ERROR "simdjson is not in ${THALAMUS_DEPS_DIR}. ${thirdparty_remedy}")
endif()
add_library(thirdparty_simdjson STATIC ${simdjson_folder}/simdjson.cpp)
# Optimised in every build type: unoptimised it is a hundred times slower and hides our own costs in profiles.
# AddressSanitizer stays, since it catches buffers of ours without padding; UBSan would triple the compile time.
target_compile_options(thirdparty_simdjson PRIVATE -w -O2 -fno-sanitize=undefined)
# Its own default follows each source's optimisation, and the setting changes the layout of its classes.
target_compile_definitions(thirdparty_simdjson PUBLIC SIMDJSON_DEVELOPMENT_CHECKS=$<CONFIG:Debug>)
target_include_directories(thirdparty_simdjson SYSTEM PUBLIC ${simdjson_folder})
add_library(thirdparty::simdjson ALIAS thirdparty_simdjson)

# ---- JSON, cold: the .cpp files of thalamus/gateway and thalamus/check -----------------------------------------------

thirdparty_headers(nlohmann_json nlohmann/json.hpp)

# ---- configuration files: thalamus/gateway/config --------------------------------------------------------------------

thirdparty_debian(yaml_cpp yaml-cpp/yaml.h libyaml-cpp.a)

# ---- compressed files: thalamus/trace --------------------------------------------------------------------------------

thirdparty_debian(zlib zlib.h libz.a)
thirdparty_debian(zstd zstd.h libzstd.a Threads::Threads)

# ---- sockets, HTTP, TLS: thalamus/net --------------------------------------------------------------------------------

thirdparty_debian(crypto openssl/crypto.h libcrypto.a Threads::Threads ${CMAKE_DL_LIBS})
thirdparty_debian(openssl openssl/ssl.h libssl.a thirdparty::crypto)
thirdparty_debian(nghttp2 nghttp2/nghttp2.h libnghttp2.a)

# Boost's headers, any folder that needs a container. The definitions ride along so that a source that includes Asio
# without linking thirdparty::asio fails to link instead of carrying a second copy of it.
thirdparty_headers(boost_headers boost/version.hpp)
target_compile_definitions(thirdparty_boost_headers INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION)

# Asio and Beast compiled once. TLS is an object of its own: only a program that uses it links OpenSSL in.
thirdparty_compiled(asio boost/asio/impl/src.hpp
  ${thirdparty_sources}/asio_library.cpp ${thirdparty_sources}/asio_tls_library.cpp)
target_link_libraries(thirdparty_asio PUBLIC thirdparty::boost_headers thirdparty::openssl Threads::Threads)

# ---- command line: app -----------------------------------------------------------------------------------------------

thirdparty_headers(cli11 CLI/CLI.hpp)

# ---- memory: the executable thalamus, where no sanitizer wants to see every allocation ------------------------------

# A request is many short-lived blocks, some of them larger than the C library keeps at hand.
thirdparty_debian(jemalloc jemalloc/jemalloc.h libjemalloc_pic.a Threads::Threads ${CMAKE_DL_LIBS} m)

# ---- decompositions: thalamus/math -----------------------------------------------------------------------------------

find_path(EIGEN_FOLDER Eigen/Core PATH_SUFFIXES eigen3)
mark_as_advanced(EIGEN_FOLDER)
if(NOT EIGEN_FOLDER)
  message(FATAL_ERROR "Eigen is not installed. ${thirdparty_remedy}")
endif()
add_library(thirdparty_eigen INTERFACE)
target_include_directories(thirdparty_eigen SYSTEM INTERFACE ${EIGEN_FOLDER})
# Threads belong to the caller, and results must not depend on their number; weak-copyleft parts only.
target_compile_definitions(thirdparty_eigen INTERFACE EIGEN_DONT_PARALLELIZE EIGEN_MPL2_ONLY)
add_library(thirdparty::eigen ALIAS thirdparty_eigen)

# ---- sentence encoder: thalamus/feature/encoder* ---------------------------------------------------------------------

# Its C header alone: the library is loaded at run time, by whoever uses the feature encoder and by nobody else.
set(onnxruntime_version 1.31.1)
set(onnxruntime_folder ${THALAMUS_DEPS_DIR}/onnxruntime-${onnxruntime_version})
set(THALAMUS_HAVE_ONNXRUNTIME FALSE)
if(NOT THALAMUS_ENCODER STREQUAL "OFF")
  if(EXISTS ${onnxruntime_folder}/include/onnxruntime_c_api.h)
    set(THALAMUS_HAVE_ONNXRUNTIME TRUE)
    add_library(thirdparty_onnxruntime INTERFACE)
    target_include_directories(thirdparty_onnxruntime SYSTEM INTERFACE ${onnxruntime_folder}/include)
    target_compile_definitions(thirdparty_onnxruntime INTERFACE THALAMUS_HAVE_ONNXRUNTIME
      THALAMUS_ONNXRUNTIME_VERSION="${onnxruntime_version}")
    target_link_libraries(thirdparty_onnxruntime INTERFACE ${CMAKE_DL_LIBS})
    add_library(thirdparty::onnxruntime ALIAS thirdparty_onnxruntime)
  elseif(THALAMUS_ENCODER STREQUAL "ON")
    message(FATAL_ERROR "ONNX Runtime is not in ${THALAMUS_DEPS_DIR}. Run tools/setup.sh --for encoder, then configure "
                        "again, or leave THALAMUS_ENCODER at AUTO.")
  else()
    message(STATUS "ONNX Runtime is not there, so the feature encoder is left out: tools/setup.sh --for encoder")
  endif()
endif()

# ---- local models: thalamus/host, in the executable thalamus-host only -----------------------------------------------

# Compiled with AVX2 by tools/setup.sh: never to be linked into the gateway, whose code must run on any x86-64.
set(llama_folder ${THALAMUS_DEPS_DIR}/llama-cpp-sys-2-0.1.161)
if(EXISTS ${llama_folder}/lib/libllama.a)
  set(THALAMUS_HAVE_LLAMA TRUE)
  thirdparty_archive(ggml_base ${llama_folder}/lib/libggml-base.a Threads::Threads ${CMAKE_DL_LIBS} m)
  thirdparty_archive(ggml_cpu ${llama_folder}/lib/libggml-cpu.a thirdparty::ggml_base)
  thirdparty_archive(ggml ${llama_folder}/lib/libggml.a thirdparty::ggml_cpu thirdparty::ggml_base)
  thirdparty_archive(llama_core ${llama_folder}/lib/libllama.a thirdparty::ggml)
  thirdparty_archive(llama_http ${llama_folder}/lib/libcpp-httplib.a Threads::Threads)
  thirdparty_archive(llama_common_base ${llama_folder}/lib/libllama-common-base.a)
  thirdparty_archive(llama_common ${llama_folder}/lib/libllama-common.a
    thirdparty::llama_common_base thirdparty::llama_http thirdparty::llama_core)
  add_library(thirdparty_llama INTERFACE)
  # One folder: <llama.h>, <ggml.h>, and the helpers as <common/chat.h>, whose short names would shadow others.
  target_include_directories(thirdparty_llama SYSTEM INTERFACE ${llama_folder}/include)
  target_link_libraries(thirdparty_llama INTERFACE thirdparty::llama_common)
  add_library(thirdparty::llama ALIAS thirdparty_llama)
else()
  set(THALAMUS_HAVE_LLAMA FALSE)
  set(llama_reason "run tools/setup.sh to have it")
  if(EXISTS ${llama_folder}.missing)
    file(READ ${llama_folder}.missing llama_reason)
    string(STRIP "${llama_reason}" llama_reason)
  endif()
  message(STATUS "llama.cpp is not there, so thalamus-host is left out: ${llama_reason}")
endif()
