#include "thalamus/wire/error_words.h"

#include "thalamus/wire/json_take.h"

namespace thalamus::wire {
namespace {

constexpr std::size_t kBodyRead = 16U << 10;
constexpr std::size_t kWordMax = 64;

bool take_words(JsonCursor& cursor, ErrorWords& out) {
  return each_member(cursor, [&](std::string_view key) {
    if (key == "type") return take_text(cursor, out.type);
    return key == "code" ? take_json(cursor, out.code) : cursor.skip();
  });
}

}  // namespace

ErrorWords read_error_words(std::string_view body) {
  ErrorWords out;
  JsonCursor cursor(body.substr(0, kBodyRead));
  // A body cut off by the bound is read as far as it goes.
  static_cast<void>(each_member(
      cursor, [&](std::string_view key) { return key == "error" ? take_words(cursor, out) : cursor.skip(); }));
  if (out.type.size() > kWordMax) out.type.clear();
  if (out.code.size() > kWordMax || out.code == "null") out.code.clear();
  return out;
}

}  // namespace thalamus::wire
