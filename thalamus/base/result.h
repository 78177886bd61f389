/// Result, Status and the two macros that replace the monadic calls libstdc++ 12 does not have.
#pragma once

#include <fmt/core.h>

#include <expected>
#include <string>
#include <type_traits>
#include <utility>

#include "thalamus/base/error.h"

namespace thalamus::base {

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

/// Builds the failure side of any Result from a format string.
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{kind, fmt::format(format, std::forward<Args>(args)...), {}});
}

/// The same with a place ("file:line:column", "body.messages[2]").
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail_at(std::string where, ErrorKind kind, fmt::format_string<Args...> format,
                                             Args&&... args) {
  return std::unexpected(Error{kind, fmt::format(format, std::forward<Args>(args)...), std::move(where)});
}

}  // namespace thalamus::base

namespace thalamus {
using base::Error;
using base::ErrorKind;
using base::fail;
using base::fail_at;
using base::Result;
using base::Status;
}  // namespace thalamus

#define THALAMUS_CONCAT_INNER(a, b) a##b
#define THALAMUS_CONCAT(a, b) THALAMUS_CONCAT_INNER(a, b)

/// `TRY(auto value, expression);` declares value, or returns the expression's error.
#define TRY(declaration, ...) TRY_INNER(THALAMUS_CONCAT(try_result_, __LINE__), declaration, __VA_ARGS__)
#define TRY_INNER(temporary, declaration, ...)                                          \
  auto temporary = (__VA_ARGS__);                                                       \
  if (!temporary.has_value()) return ::std::unexpected(::std::move(temporary).error()); \
  declaration = ::std::move(temporary).value()

/// `CHECK_OK(status);` returns the error of a Status.
#define CHECK_OK(...)                                                 \
  do {                                                                \
    if (auto check_status = (__VA_ARGS__); !check_status.has_value()) \
      return ::std::unexpected(::std::move(check_status).error());    \
  } while (false)

/// The two forms for coroutines returning a Result. Await into a named local first (GCC 12).
#define CO_TRY(declaration, ...) CO_TRY_INNER(THALAMUS_CONCAT(try_result_, __LINE__), declaration, __VA_ARGS__)
#define CO_TRY_INNER(temporary, declaration, ...)                                          \
  auto temporary = (__VA_ARGS__);                                                          \
  if (!temporary.has_value()) co_return ::std::unexpected(::std::move(temporary).error()); \
  declaration = ::std::move(temporary).value()
