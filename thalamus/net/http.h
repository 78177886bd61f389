/// HTTP nouns shared by server and client (RFC 9110, RFC 9112, RFC 9113).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/units.h"

namespace thalamus::net {

/// A flat list of header fields in their order. Names compare without case.
class Headers {
 public:
  void add(std::string_view name, std::string_view value);
  /// Replaces the first of that name, or adds.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  /// The first value of that name.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
  void clear() noexcept {
    fields_.clear();
    text_.clear();
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Field& f : fields_) visit(view(f.name_at, f.name_size), view(f.value_at, f.value_size));
  }

 private:
  struct Field {
    std::uint32_t name_at, name_size, value_at, value_size;
  };
  [[nodiscard]] std::string_view view(std::uint32_t at, std::uint32_t size) const noexcept {
    return std::string_view(text_).substr(at, size);
  }
  std::string text_;
  std::vector<Field> fields_;
};

struct HttpRequest {
  std::string method;
  std::string path;   ///< without the query
  std::string query;  ///< after '?', undecoded
  Headers headers;
  std::string body;
  std::string peer;  ///< "127.0.0.1:4711"
  bool peer_is_loopback = false;
  bool http2 = false;
  Nanoseconds arrived{};  ///< monotonic, when the head was complete
};

[[nodiscard]] std::string_view reason_phrase(int status) noexcept;
/// ASCII case only.
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;
/// A method or a field name (RFC 9110 section 5.6.2).
[[nodiscard]] bool is_token(std::string_view text) noexcept;
/// Free of control characters but tab: cannot end a line and begin another field.
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;

}  // namespace thalamus::net
