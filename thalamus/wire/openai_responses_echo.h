/// What a response object repeats of its request. Internal to this folder.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "thalamus/base/json_writer.h"

namespace thalamus::wire {

/// The members of a request that its response shows again, as they are spelt; where the request has none, what the
/// protocol says then. Members that a translation does not follow are not repeated.
class ResponseEcho {
 public:
  /// `request` is the client's body, or empty; it outlives the echo.
  explicit ResponseEcho(std::string_view request);
  void write(base::JsonWriter& writer) const;

 private:
  static constexpr std::size_t kMembers = 15;

  std::array<std::string_view, kMembers> given_{};
  std::string reasoning_;
  std::string text_;
};

}  // namespace thalamus::wire
