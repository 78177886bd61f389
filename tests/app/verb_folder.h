/// A folder for a test of a verb, with an outcome table in it, and what the verb prints.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "tests/eval/folder.h"

namespace thalamus::app {

struct Printed {
  int code = 0;
  std::string out;
  std::string error;
};
inline Printed printed(const std::function<int()>& verb) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Printed result;
  result.code = verb();
  std::fflush(nullptr);
  result.out = testing::internal::GetCapturedStdout();
  result.error = testing::internal::GetCapturedStderr();
  return result;
}

/// `rows` rows of two models: "right" always is, "cheap" every other time, and answers in half the time. Ids begin with
/// `prefix`.
inline std::string table_text(std::size_t rows, const std::string& prefix) {
  std::string text;
  for (std::size_t i = 0; i < rows; ++i)
    text += fmt::format(
        "{{\"id\":\"{0}{1}\",\"task\":\"t{2}\",\"prompt\":\"{0} asks number "
        "{1}\",\"outcomes\":{{\"right\":{{\"quality\":1,"
        "\"cost\":0.01,\"latency_s\":2}},\"cheap\":{{\"quality\":{2},\"cost\":0.001,\"latency_s\":1}}}}}}\n",
        prefix, i, i % 2);
  return text;
}

inline std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace thalamus::app
