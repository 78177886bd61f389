#include "thalamus/wire/attachment.h"

#include <algorithm>

#include "thalamus/wire/losses.h"

namespace thalamus::wire {
namespace {

/// The media type of a data URL, else nothing.
std::string media_type_of(std::string_view url) {
  if (!url.starts_with("data:")) return {};
  url.remove_prefix(5);
  return std::string(url.substr(0, std::min(url.find_first_of(";,"), std::size_t{255})));
}

/// What lies between the quotes of the string at the cursor.
Status read_raw(JsonCursor& cursor, const Place& place, std::string_view& raw) {
  if (cursor.peek() != JsonKind::kString) return mistyped(cursor, place, "a string");
  if (!cursor.skip(raw)) return malformed(cursor, place);
  raw = raw.substr(1, raw.size() - 2);
  return {};
}

/// "https:" or "data:"; a single letter is a drive.
bool has_scheme(std::string_view url) noexcept {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto other = [](char c) { return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'; };
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos || colon < 2 || !letter(url[0])) return false;
  return std::all_of(url.begin(), url.begin() + static_cast<std::ptrdiff_t>(colon),
                     [&](char c) { return letter(c) || other(c); });
}

}  // namespace

Status read_url_or_data(JsonCursor& cursor, const Place& place, core::PartDetail& detail) {
  std::string_view raw;
  CHECK_OK(read_raw(cursor, place, raw));
  if (split_data_url(raw, detail.media_type, detail.data)) return {};
  detail.url.clear();
  append_unescaped(detail.url, raw);
  if (detail.media_type.empty()) detail.media_type = media_type_of(detail.url);
  return {};
}

Status read_data(JsonCursor& cursor, const Place& place, core::PartDetail& detail) {
  std::string_view raw;
  CHECK_OK(read_raw(cursor, place, raw));
  if (!split_data_url(raw, detail.media_type, detail.data)) detail.data = raw;
  return {};
}

Status check_image(const Place& at, const core::PartDetail& detail) {
  constexpr std::string_view kExpected = "an address such as https://HOST/PATH, or data:image/png;base64,DATA";
  if (!detail.data.empty() || !detail.file_id.empty()) return {};
  if (detail.media_type.starts_with("image/") && detail.url.empty())
    return fail_at(at.text(), ErrorKind::kInvalidInput, "expected {}; got a data URL without data", kExpected);
  if (has_scheme(detail.url) && !detail.url.starts_with("data:")) return {};
  return fail_at(at.text(), ErrorKind::kInvalidInput, "expected {}, got {}", kExpected, quoted(detail.url));
}

void add_detail(const Place& place, core::PartDetail detail, core::Part& part) {
  for (const std::string* name : {&detail.url, &detail.file_id, &detail.file_name, &detail.media_type}) {
    if (!part.text.empty()) break;
    part.text = *name;
  }
  detail.place = place.text().substr(std::string_view("body.").size());
  part.detail = std::make_shared<const core::PartDetail>(std::move(detail));
}

}  // namespace thalamus::wire
