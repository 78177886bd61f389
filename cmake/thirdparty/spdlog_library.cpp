// The compiled half of spdlog 1.10, which Debian ships as a shared library only: the bodies of every header we may
// include, and the sinks for one thread and for many. File sinks beyond "basic" and "rotating" are header templates.

#ifndef SPDLOG_COMPILED_LIB
#error "the target thirdparty::spdlog defines SPDLOG_COMPILED_LIB"
#endif

#include <mutex>

#include <spdlog/async.h>
#include <spdlog/async_logger-inl.h>
#include <spdlog/cfg/helpers-inl.h>
#include <spdlog/common-inl.h>
#include <spdlog/details/backtracer-inl.h>
#include <spdlog/details/file_helper-inl.h>
#include <spdlog/details/log_msg-inl.h>
#include <spdlog/details/log_msg_buffer-inl.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/os-inl.h>
#include <spdlog/details/periodic_worker-inl.h>
#include <spdlog/details/registry-inl.h>
#include <spdlog/details/thread_pool-inl.h>
#include <spdlog/logger-inl.h>
#include <spdlog/pattern_formatter-inl.h>
#include <spdlog/sinks/ansicolor_sink-inl.h>
#include <spdlog/sinks/base_sink-inl.h>
#include <spdlog/sinks/basic_file_sink-inl.h>
#include <spdlog/sinks/rotating_file_sink-inl.h>
#include <spdlog/sinks/sink-inl.h>
#include <spdlog/sinks/stdout_color_sinks-inl.h>
#include <spdlog/sinks/stdout_sinks-inl.h>
#include <spdlog/spdlog-inl.h>

namespace spdlog {

using many = std::mutex;
using one = details::null_mutex;
using console_many = details::console_mutex;
using console_one = details::console_nullmutex;

template class sinks::base_sink<many>;
template class sinks::base_sink<one>;
template class sinks::basic_file_sink<many>;
template class sinks::basic_file_sink<one>;
template class sinks::rotating_file_sink<many>;
template class sinks::rotating_file_sink<one>;

template class sinks::stdout_sink_base<console_many>;
template class sinks::stdout_sink_base<console_one>;
template class sinks::stdout_sink<console_many>;
template class sinks::stdout_sink<console_one>;
template class sinks::stderr_sink<console_many>;
template class sinks::stderr_sink<console_one>;
template class sinks::ansicolor_sink<console_many>;
template class sinks::ansicolor_sink<console_one>;
template class sinks::ansicolor_stdout_sink<console_many>;
template class sinks::ansicolor_stdout_sink<console_one>;
template class sinks::ansicolor_stderr_sink<console_many>;
template class sinks::ansicolor_stderr_sink<console_one>;

using logger_pointer = std::shared_ptr<logger>;
template logger_pointer stdout_color_mt<synchronous_factory>(const std::string&, color_mode);
template logger_pointer stdout_color_st<synchronous_factory>(const std::string&, color_mode);
template logger_pointer stderr_color_mt<synchronous_factory>(const std::string&, color_mode);
template logger_pointer stderr_color_st<synchronous_factory>(const std::string&, color_mode);
template logger_pointer stdout_color_mt<async_factory>(const std::string&, color_mode);
template logger_pointer stderr_color_mt<async_factory>(const std::string&, color_mode);
template logger_pointer stdout_logger_mt<synchronous_factory>(const std::string&);
template logger_pointer stdout_logger_st<synchronous_factory>(const std::string&);
template logger_pointer stderr_logger_mt<synchronous_factory>(const std::string&);
template logger_pointer stderr_logger_st<synchronous_factory>(const std::string&);
template logger_pointer stdout_logger_mt<async_factory>(const std::string&);
template logger_pointer stderr_logger_mt<async_factory>(const std::string&);

}  // namespace spdlog
