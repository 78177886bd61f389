/// Header fields as nghttp2 takes them. Private to the sources of `net`.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/net/http.h"

namespace thalamus::net {

struct Nghttp2Delete {
  void operator()(nghttp2_session* session) const noexcept { nghttp2_session_del(session); }
  void operator()(nghttp2_session_callbacks* callbacks) const noexcept { nghttp2_session_callbacks_del(callbacks); }
  void operator()(nghttp2_option* option) const noexcept { nghttp2_option_del(option); }
};
using Nghttp2Session = std::unique_ptr<nghttp2_session, Nghttp2Delete>;
using Nghttp2Callbacks = std::unique_ptr<nghttp2_session_callbacks, Nghttp2Delete>;
using Nghttp2Option = std::unique_ptr<nghttp2_option, Nghttp2Delete>;

[[nodiscard]] inline std::string_view to_view(nghttp2_rcbuf* buffer) noexcept {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

/// The block of one head: names in lower case, secrets marked so that no header table remembers them.
class Http2Fields {
 public:
  void add(std::string_view name, std::string_view value);
  void add_number(std::string_view name, std::uint64_t number);
  /// Adds all but those that frame a message or belong to one connection (RFC 9113 section 8.2.2), `Host`,
  /// `Content-Length` and `also_skipped`. kInvalidInput names a malformed field, never its value.
  [[nodiscard]] Status append(const Headers& headers, std::string_view also_skipped = {});
  /// Valid until the next `add`.
  [[nodiscard]] const std::vector<nghttp2_nv>& block();

 private:
  struct Field {
    std::size_t at, name_size, value_size;
  };
  std::string text_;
  std::vector<Field> fields_;
  std::vector<nghttp2_nv> block_;
};

}  // namespace thalamus::net
