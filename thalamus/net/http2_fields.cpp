#include "thalamus/net/http2_fields.h"

#include <algorithm>
#include <array>

#include "thalamus/net/http1_writer.h"

namespace thalamus::net {
namespace {

constexpr std::array<std::string_view, 9> kNotCarried{"connection", "content-length",   "host", "http2-settings",
                                                      "keep-alive", "proxy-connection", "te",   "transfer-encoding",
                                                      "upgrade"};
constexpr std::array<std::string_view, 6> kSecret{"authorization", "proxy-authorization", "x-api-key", "api-key",
                                                  "cookie",        "set-cookie"};

template <std::size_t Size>
bool holds(const std::array<std::string_view, Size>& names, std::string_view name) noexcept {
  return std::any_of(names.begin(), names.end(), [&](std::string_view one) { return equal_ignoring_case(one, name); });
}

std::uint8_t* bytes_of(char* text) noexcept { return reinterpret_cast<std::uint8_t*>(text); }

}  // namespace

void Http2Fields::add(std::string_view name, std::string_view value) {
  fields_.push_back({text_.size(), name.size(), value.size()});
  for (const char c : name) text_.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  text_.append(value);
}

void Http2Fields::add_number(std::string_view name, std::uint64_t number) {
  std::string digits;
  append_number(digits, number);
  add(name, digits);
}

Status Http2Fields::append(const Headers& headers, std::string_view also_skipped) {
  Status status;
  headers.for_each([&](std::string_view name, std::string_view value) {
    if (!status || holds(kNotCarried, name) || equal_ignoring_case(also_skipped, name)) return;
    if (!is_token(name)) {
      status = fail(ErrorKind::kInvalidInput, "a header field's name of {} bytes is not a token", name.size());
    } else if (!is_field_value(value)) {
      status =
          fail(ErrorKind::kInvalidInput, "the header field {} holds a line end or another control character", name);
    } else {
      // Blanks around a value mean nothing in HTTP/1.1 and are malformed in HTTP/2.
      const auto first = value.find_first_not_of(" \t");
      const auto last = value.find_last_not_of(" \t");
      add(name, first == std::string_view::npos ? std::string_view{} : value.substr(first, last - first + 1));
    }
  });
  return status;
}

const std::vector<nghttp2_nv>& Http2Fields::block() {
  block_.clear();
  block_.reserve(fields_.size());
  for (const Field& field : fields_) {
    char* name = text_.data() + field.at;
    const bool secret = holds(kSecret, std::string_view(name, field.name_size));
    nghttp2_nv pair{};
    pair.name = bytes_of(name);
    pair.namelen = field.name_size;
    pair.value = bytes_of(name + field.name_size);
    pair.valuelen = field.value_size;
    pair.flags = static_cast<std::uint8_t>(secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
    block_.push_back(pair);
  }
  return block_;
}

}  // namespace thalamus::net
