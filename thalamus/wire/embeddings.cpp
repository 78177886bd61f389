#include "thalamus/wire/embeddings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <iterator>

#include "thalamus/base/json_writer.h"
#include "thalamus/base/text.h"
#include "thalamus/wire/body_check.h"
#include "thalamus/wire/body_edits.h"
#include "thalamus/wire/contract.h"
#include "thalamus/wire/json_take.h"
#include "thalamus/wire/openai_chat_error.h"

namespace thalamus::wire {
namespace {

constexpr std::size_t kUnreadMax = 32;
constexpr std::size_t kUnreadBytesMax = 64;
constexpr std::string_view kInputExpected =
    "a string, an array of strings, an array of tokens or an array of arrays of tokens";
constexpr std::array<std::string_view, 2> kEncodings{"float", "base64"};
constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

class EmbeddingsDecoder {
 public:
  EmbeddingsDecoder(std::string_view body, const DecodeLimits& limits) noexcept : cursor_(body, limits.depth_max) {}

  Result<EmbeddingsRequest> decode() {
    if (cursor_.peek() != JsonKind::kObject) return mistyped(cursor_, root_, "a JSON object");
    CHECK_OK(enter_object(cursor_, root_));
    std::string_view key;
    while (cursor_.next_member(key)) CHECK_OK(member(key));
    CHECK_OK(left(cursor_, root_));
    if (!cursor_.finish()) return malformed(cursor_, root_);
    if (request_.model.empty())
      return fail_at("body.model", ErrorKind::kInvalidInput,
                     "missing; name a route or a target, as GET /v1/models lists them");
    if (request_.input_count() == 0)
      return fail_at("body.input", ErrorKind::kInvalidInput, "missing; expected {}", kInputExpected);
    return std::move(request_);
  }

 private:
  static constexpr std::array<std::string_view, 6> kKeys{"model",      "input", "encoding_format",
                                                         "dimensions", "user",  "thalamus"};

  Status member(std::string_view key) {
    const auto* const known = std::find(kKeys.begin(), kKeys.end(), key);
    if (known == kKeys.end()) {
      if (request_.unread.size() < kUnreadMax) request_.unread.emplace_back(key.substr(0, kUnreadBytesMax));
      return skip_value(cursor_, root_);
    }
    const Place place(root_, *known);
    CHECK_OK(once(seen_[static_cast<std::size_t>(known - kKeys.begin())], place));
    if (pass_null(cursor_)) return {};
    if (*known == "model") return read_text(cursor_, place, request_.model);
    if (*known == "input") return input(place);
    if (*known == "encoding_format") return encoding(place);
    if (*known == "dimensions") return read_count(cursor_, place, 1, request_.dimensions.emplace());
    if (*known == "user") return read_text(cursor_, place, request_.user);
    return read_contract(cursor_, place, request_.contract);
  }

  Status encoding(const Place& place) {
    std::string_view word;
    CHECK_OK(read_text_view(cursor_, place, word));
    const auto* const row = std::find(kEncodings.begin(), kEncodings.end(), word);
    if (row == kEncodings.end()) return not_among(place, word, kEncodings);
    request_.encoding = static_cast<EmbeddingEncoding>(row - kEncodings.begin());
    return {};
  }

  Status input(const Place& place) {
    if (cursor_.peek() == JsonKind::kString) return text(place);
    if (cursor_.peek() != JsonKind::kArray) return mistyped(cursor_, place, kInputExpected);
    CHECK_OK(enter_array(cursor_, place));
    // The first element says which of the three arrays it is.
    JsonKind kind = JsonKind::kBad;
    for (std::size_t i = 0; cursor_.next_element(); ++i) {
      const Place at(place, i);
      if (i == 0) kind = cursor_.peek();
      if (kind == JsonKind::kNumber) {
        if (i == 0) request_.tokens.emplace_back();
        CHECK_OK(token(at));
        continue;
      }
      if (i == kEmbeddingInputsMax)
        return fail_at(place.text(), ErrorKind::kTooLarge, "more than {} inputs; send them in several requests",
                       kEmbeddingInputsMax);
      if (kind == JsonKind::kString) {
        CHECK_OK(text(at));
      } else if (kind == JsonKind::kArray) {
        CHECK_OK(token_array(at));
      } else {
        return mistyped(cursor_, at, "a string, a token or an array of tokens");
      }
    }
    CHECK_OK(left(cursor_, place));
    if (request_.input_count() > 0) return {};
    return fail_at(place.text(), ErrorKind::kInvalidInput, "expected {}, got []; give at least one", kInputExpected);
  }

  Status text(const Place& place) {
    CHECK_OK(read_text(cursor_, place, request_.texts.emplace_back()));
    if (!request_.texts.back().empty()) return {};
    return fail_at(place.text(), ErrorKind::kInvalidInput, "expected a non-empty string, got \"\"");
  }

  Status token_array(const Place& place) {
    if (cursor_.peek() != JsonKind::kArray) return mistyped(cursor_, place, "an array of tokens");
    CHECK_OK(enter_array(cursor_, place));
    request_.tokens.emplace_back();
    for (std::size_t i = 0; cursor_.next_element(); ++i) CHECK_OK(token(Place(place, i)));
    CHECK_OK(left(cursor_, place));
    if (!request_.tokens.back().empty()) return {};
    return fail_at(place.text(), ErrorKind::kInvalidInput, "expected a non-empty array of tokens, got []");
  }

  Status token(const Place& place) { return read_count(cursor_, place, 0, request_.tokens.back().emplace_back()); }

  JsonCursor cursor_;
  Place root_{"body"};
  EmbeddingsRequest request_;
  std::array<bool, 6> seen_{};
};

/// The value of each digit, 64 for other bytes.
constexpr std::array<std::uint8_t, 256> digit_values() noexcept {
  std::array<std::uint8_t, 256> values{};
  values.fill(64);
  for (std::size_t i = 0; i < kDigits.size(); ++i)
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  return values;
}

/// False where the text is not the base64 of whole floats.
bool read_base64(std::string_view text, std::vector<float>& out) {
  static constexpr auto kValues = digit_values();
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 1 || text.size() * 3 / 4 % sizeof(float) != 0) return false;
  out.reserve(text.size() * 3 / 4 / sizeof(float));
  std::uint32_t bits = 0, word = 0;
  unsigned bit_count = 0, byte_count = 0;
  for (const char c : text) {
    const std::uint8_t value = kValues[static_cast<unsigned char>(c)];
    if (value == 64) return false;
    bits = bits << 6 | value;
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    word |= (bits >> bit_count & 0xffU) << (8 * byte_count);
    if (++byte_count < sizeof(float)) continue;
    out.push_back(std::bit_cast<float>(word));
    word = byte_count = 0;
  }
  return true;
}

void append_base64(std::string& out, const std::vector<float>& numbers) {
  std::uint32_t bits = 0;
  unsigned bit_count = 0;
  for (const float number : numbers) {
    const auto word = std::bit_cast<std::uint32_t>(number);
    for (unsigned shift = 0; shift < 32; shift += 8) {
      bits = bits << 8 | (word >> shift & 0xffU);
      for (bit_count += 8; bit_count >= 6;) {
        bit_count -= 6;
        out.push_back(kDigits[bits >> bit_count & 63U]);
      }
    }
  }
  if (bit_count > 0) out.push_back(kDigits[bits << (6 - bit_count) & 63U]);
  while (out.size() % 4 != 0) out.push_back('=');
}

class EmbeddingsReader {
 public:
  explicit EmbeddingsReader(std::string_view body) : cursor_(body) {}

  Result<EmbeddingsAnswer> read() {
    if (cursor_.peek() != JsonKind::kObject ||
        !each_member(cursor_, [this](std::string_view key) { return top(key); }) || !cursor_.finish())
      return fail(ErrorKind::kUpstream, "the answer is not a JSON object: {}",
                  cursor_.failed() ? cursor_.error().message : "it begins with another value");
    if (!failure_.empty()) return fail(ErrorKind::kUpstream, "the answer is an error: {}", failure_);
    if (rows_.empty()) return fail(ErrorKind::kUpstream, "the answer has no embeddings");
    std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.index < b.index; });
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      Row& row = rows_[i];
      if (row.index != i) return fail(ErrorKind::kUpstream, "the answer has no embedding {}", i);
      if (!row.whole || row.numbers.empty())
        return fail(ErrorKind::kUpstream, "embedding {} is no vector of finite numbers", i);
      answer_.vectors.push_back(std::move(row.numbers));
    }
    return std::move(answer_);
  }

 private:
  struct Row {
    std::uint32_t index = 0;
    std::vector<float> numbers;
    bool whole = true;  ///< all of them could be read
  };

  bool top(std::string_view key) {
    if (key == "model") return take_text(cursor_, answer_.model);
    if (key == "error" && cursor_.peek() != JsonKind::kNull) return read_error_member(cursor_, failure_);
    if (key == "usage")
      return each_member(cursor_, [this](std::string_view name) {
        if (name != "prompt_tokens") return cursor_.skip();
        answer_.usage.known = cursor_.peek() == JsonKind::kNumber;
        return take_count(cursor_, answer_.usage.input);
      });
    if (key != "data") return cursor_.skip();
    return each_element(cursor_, [this](std::size_t position) {
      Row& row = rows_.emplace_back();
      row.index = static_cast<std::uint32_t>(position);
      return each_member(cursor_, [&](std::string_view name) {
        if (name == "index") return take_count(cursor_, row.index);
        return name == "embedding" ? vector(row) : cursor_.skip();
      });
    });
  }

  bool vector(Row& row) {
    if (cursor_.peek() == JsonKind::kString) {
      std::string_view text;
      if (!cursor_.read_view(text)) return false;
      row.whole = read_base64(text, row.numbers) && std::all_of(row.numbers.begin(), row.numbers.end(),
                                                                [](float number) { return std::isfinite(number); });
      return true;
    }
    return each_element(cursor_, [&](std::size_t) {
      if (cursor_.peek() != JsonKind::kNumber) {
        row.whole = false;
        return cursor_.skip();
      }
      std::string_view spelling;
      if (!cursor_.read_number(spelling)) return false;
      // Numbers below the smallest float are zero, as they are for every client.
      const auto number = base::parse_number<float>(spelling);
      const auto wide = number ? std::optional<double>() : base::parse_number<double>(spelling);
      row.whole = row.whole && (number || (wide && std::abs(*wide) < 1));
      row.numbers.push_back(number.value_or(0.0F));
      return true;
    });
  }

  JsonCursor cursor_;
  EmbeddingsAnswer answer_;
  std::vector<Row> rows_;
  std::string failure_;
};

}  // namespace

Result<EmbeddingsRequest> decode_embeddings(std::string_view body, const DecodeLimits& limits) {
  CHECK_OK(check_body(body, limits));
  return EmbeddingsDecoder(body, limits).decode();
}

Result<std::string> forward_embeddings(std::string_view body, std::string_view model) {
  return forward_body(body, model);
}

Result<EmbeddingsAnswer> read_embeddings(std::string_view body) { return EmbeddingsReader(body).read(); }

std::string encode_embeddings(const EmbeddingsAnswer& answer, EmbeddingEncoding encoding) {
  base::JsonWriter writer;
  writer.begin_object().field("object", "list").key("data").begin_array();
  std::string text;
  for (std::size_t i = 0; i < answer.vectors.size(); ++i) {
    writer.begin_object().field("object", "embedding").field("index", std::uint64_t{i}).key("embedding");
    text.clear();
    if (encoding == EmbeddingEncoding::kBase64) {
      append_base64(text, answer.vectors[i]);
      writer.value(text);
    } else {
      // The shortest number that reads back as the same float.
      for (const float number : answer.vectors[i]) {
        text.push_back(text.empty() ? '[' : ',');
        fmt::format_to(std::back_inserter(text), "{}", number);
      }
      writer.raw(text.empty() ? "[]" : text += ']');
    }
    writer.end_object();
  }
  writer.end_array().field("model", answer.model).key("usage").begin_object();
  writer.field("prompt_tokens", answer.usage.input).field("total_tokens", answer.usage.input);
  writer.end_object().end_object();
  return writer.take();
}

}  // namespace thalamus::wire
