// The pass from a request to its Description. Time is linear in the text: the counts read every byte once, tokens and
// letters read the sampled text once.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "thalamus/base/hash.h"
#include "thalamus/base/rng.h"
#include "thalamus/base/text.h"
#include "thalamus/feature/description.h"
#include "thalamus/feature/json_scan.h"
#include "thalamus/feature/letters.h"
#include "thalamus/feature/question.h"
#include "thalamus/feature/text_hash.h"
#include "thalamus/feature/text_scan.h"
#include "thalamus/feature/tokenize.h"
#include "thalamus/feature/word_classes.h"

namespace thalamus::feature {
namespace {

/// Which words the text holds, as a small bit set: collisions only make two words look alike.
class WordSet {
 public:
  /// 1 if the set did not hold the word, else 0.
  std::size_t add(std::uint64_t hash) noexcept {
    std::uint64_t& word = bits_[slot(hash)];
    const std::uint64_t before = word;
    word = before | (std::uint64_t{1} << shift(hash));
    return ((before >> shift(hash)) & 1U) ^ 1U;
  }
  [[nodiscard]] bool holds(std::uint64_t hash) const noexcept { return ((bits_[slot(hash)] >> shift(hash)) & 1U) != 0; }

 private:
  static std::size_t slot(std::uint64_t hash) noexcept { return (hash >> 6) % kWords; }
  static unsigned shift(std::uint64_t hash) noexcept { return static_cast<unsigned>(hash & 63U); }
  static constexpr std::size_t kWords = 256;
  std::array<std::uint64_t, kWords> bits_{};
};

struct ToolSize {
  std::size_t count = 0;
  std::size_t bytes = 0;
};

/// Facts of all tools together.
struct ToolFacts {
  const WordSet* text_words = nullptr;  ///< of the text; without it only the size is read
  ToolSize size;
  std::size_t parameters = 0;
  std::size_t nested = 0;
  double match_best = 0;
  WordSet words;  ///< of all tools
};

bool is_nested_type(std::string_view type) noexcept {
  return type == "\"array\"" || type == "\"object\"" || type == "\"dict\"" || type == "\"list\"" || type == "\"tuple\"";
}

void read_tool(std::string_view name, std::string_view description, std::string_view parameters, ToolFacts& facts) {
  facts.size.bytes += name.size() + description.size() + parameters.size();
  if (facts.text_words == nullptr) return;
  std::size_t total = 0;
  std::size_t found = 0;
  const auto count_word = [&](std::uint64_t hash) {
    ++total;
    found += facts.text_words->holds(hash) ? 1 : 0;
    facts.words.add(hash);
  };
  tokenize(name.substr(0, kToolBytesMax), count_word);
  tokenize(description.substr(0, kToolBytesMax), count_word);
  json_for_each_member(parameters.substr(0, kToolBytesMax), [&](std::string_view key, std::string_view value) {
    if (key != "properties") return true;
    json_for_each_member(value, [&](std::string_view property, std::string_view schema) {
      ++facts.parameters;
      tokenize(property, count_word);
      json_for_each_member(schema, [&](std::string_view field, std::string_view type) {
        if (field != "type") return true;
        facts.nested += is_nested_type(type) ? 1 : 0;
        return false;
      });
      return true;
    });
    return false;
  });
  if (total > 0) facts.match_best = std::max(facts.match_best, static_cast<double>(found) / static_cast<double>(total));
}

// One element of a tools array: {"type":"function","function":{...}} or the bare function.
void read_tool_json(std::string_view tool, ToolFacts& facts) {
  std::string_view body = tool;
  json_for_each_member(tool, [&](std::string_view key, std::string_view value) {
    if (key != "function" || value.front() != '{') return true;
    body = value;
    return false;
  });
  std::string name;
  std::string description;
  std::string_view parameters;
  json_for_each_member(body, [&](std::string_view key, std::string_view value) {
    if (key == "name") json_append_string(value, name);
    if (key == "description") json_append_string(value, description);
    if (key == "parameters") parameters = value;
    return true;
  });
  read_tool(name, description, parameters, facts);
}

enum class Tools : std::uint8_t { kNone, kMaybe };

/// What surrounds the text.
struct Frame {
  std::size_t messages = 1;
  bool system = false;
  Tools tools = Tools::kNone;
  std::uint64_t user_begin = 0;  ///< where the last user message begins in the joined text
};

/// The first `bytes` bytes, less a code point that they hold only a part of.
std::string_view whole_code_points_front(std::string_view text, std::size_t bytes) noexcept {
  std::size_t lead = bytes;
  while (lead > 0 && bytes - lead < 3 && (static_cast<unsigned char>(text[lead - 1]) & 0xc0U) == 0x80U) --lead;
  if (lead == 0) return text.substr(0, bytes);
  const auto first = static_cast<unsigned char>(text[lead - 1]);
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return text.substr(0, lead - 1 + length > bytes ? lead - 1 : bytes);
}

constexpr std::size_t kBlocksMax = (kTokensMax + kBlockBytes) / kBlockBytes;  // head, line end and tail

/// Collects pieces joined by newlines: counts and hash over all, head and tail of the joined text in `text` with the
/// masks of its blocks.
class TextBuilder {
 public:
  explicit TextBuilder(std::string& text) noexcept : text_(text) { text_.clear(); }

  void add(std::string_view piece) {
    if (!first_) put("\n");
    added_ += piece.size() + (first_ ? 0 : 1);
    first_ = false;
    put(piece);
  }
  /// Where the next piece will begin in the joined text.
  [[nodiscard]] std::uint64_t next_begin() const noexcept { return first_ ? 0 : added_ + 1; }
  void finish() {
    count(text_.size());
    counts.finish();
    if (text_.size() <= kTokensMax) return;
    const std::string_view all = text_;
    std::size_t tail = all.size() - kTextTailBytes;
    while (tail < all.size() && (static_cast<unsigned char>(all[tail]) & 0xc0U) == 0x80U) ++tail;
    const std::size_t head = whole_code_points_front(all, kTextHeadBytes).size();
    text_[head] = '\n';
    text_.erase(head + 1, tail - head - 1);
    read_masks(text_);
  }
  /// Of the sampled text; after `finish`.
  [[nodiscard]] std::span<const BlockMasks> masks() const noexcept { return {masks_.data(), blocks_}; }

  TextCounts counts;
  TextHash hash;

 private:
  // `text_` holds the head and at least the last kTextTailBytes; the middle is cut away whenever it is full.
  void put(std::string_view piece) {
    while (true) {
      const std::size_t taken = std::min(piece.size(), 2 * kTokensMax - text_.size());
      text_.append(piece.substr(0, taken));
      piece.remove_prefix(taken);
      if (piece.empty()) return;
      count(text_.size() - (text_.size() - counted_) % kBlockBytes);
      const std::size_t cut = text_.size() - kTokensMax;
      text_.erase(kTextHeadBytes, cut);
      counted_ -= cut;
    }
  }
  // Counts `text_` up to `end`: whole blocks, but at the end of the text.
  void count(std::size_t end) noexcept {
    while (counted_ < end) {
      const auto piece = std::string_view(text_).substr(counted_, std::min(end - counted_, kTokensMax));
      read_masks(piece);
      counts.feed(piece, masks());
      hash.feed(piece);
      counted_ += piece.size();
    }
  }
  void read_masks(std::string_view text) noexcept {
    blocks_ = (text.size() + kBlockBytes - 1) / kBlockBytes;
    for (std::size_t i = 0; i < blocks_; ++i) masks_[i] = masks_at(text, i * kBlockBytes);
  }

  std::string& text_;
  bool first_ = true;
  std::uint64_t added_ = 0;  ///< bytes of the joined text
  std::size_t counted_ = 0;  ///< bytes of `text_`
  std::size_t blocks_ = 0;
  std::array<BlockMasks, kBlocksMax> masks_;
};

// Most counts are small; a table spares them the logarithm.
float log_count(double value) noexcept {
  static const auto table = [] {
    std::array<float, 1024> logs{};
    for (std::size_t i = 0; i < logs.size(); ++i) logs[i] = static_cast<float>(std::log1p(static_cast<double>(i)));
    return logs;
  }();
  if (value >= 0 && value < static_cast<double>(table.size())) {
    const auto whole = static_cast<std::size_t>(value);
    if (static_cast<double>(whole) == value) return table[whole];
  }
  return static_cast<float>(std::log1p(value));
}

void set(Description& out, Signal which, float value) noexcept { out.signals[static_cast<std::size_t>(which)] = value; }

void read_tokens(std::span<const BlockMasks> masks, Description& out) {
  std::size_t tokens_max = 0;  // words, and as many code points as there are bytes beyond ASCII
  std::uint64_t open = 0;
  for (const BlockMasks& block : masks) {
    tokens_max += count_bits(block.alphanumeric & ~((block.alphanumeric << 1) | open));
    if (block.non_ascii != 0) tokens_max += count_bits(block.non_ascii);
    open = block.alphanumeric >> 63;
  }
  out.tokens.resize(tokens_max);
  std::uint64_t* next = out.tokens.data();
  tokenize(
      out.text, [&](std::size_t block) -> const BlockMasks& { return masks[block]; },
      [&](std::uint64_t token) { *next++ = token; });
  out.tokens.resize(std::min(static_cast<std::size_t>(next - out.tokens.data()), kTokensMax));
}

/// `message` is where the last user message begins in the whole text.
void read_question(std::uint64_t message, Description& out) {
  std::size_t begin = static_cast<std::size_t>(std::min<std::uint64_t>(message, out.text_bytes));
  if (out.text.size() < out.text_bytes && begin > kTextHeadBytes) {
    const std::uint64_t from_end = std::min<std::uint64_t>(out.text_bytes - begin, kTextTailBytes);
    begin = out.text.size() - static_cast<std::size_t>(from_end);
  }
  const std::size_t count = count_question_tokens(out.text, std::min(begin, out.text.size()));
  out.question_tokens_begin = out.tokens.size() - std::min(out.tokens.size(), count);
}

void set_count_signals(const TextCounts& counts, Description& out) {
  const double characters = std::max<double>(1, static_cast<double>(counts.characters));
  const auto rate = [&](Signal which, std::uint64_t count) {
    set(out, which, static_cast<float>(static_cast<double>(count) / characters));
  };
  const auto count = [&](Signal which, std::uint64_t value) { set(out, which, log_count(static_cast<double>(value))); };
  count(Signal::kLogBytes, counts.bytes);
  count(Signal::kLogWords, counts.words);
  count(Signal::kLogLines, counts.lines);
  count(Signal::kLastLineBytes, counts.last_line_bytes);
  rate(Signal::kDigitRate, counts.digits);
  rate(Signal::kUpperRate, counts.uppers);
  rate(Signal::kSpaceRate, counts.spaces);
  rate(Signal::kNewlineRate, counts.newlines);
  rate(Signal::kPunctuationRate, counts.punctuation);
  rate(Signal::kBracketRate, counts.brackets);
  rate(Signal::kQuoteRate, counts.quotes);
  rate(Signal::kCommaRate, counts.commas);
  rate(Signal::kCjkRate, counts.cjk);
  rate(Signal::kCyrillicRate, counts.cyrillic);
  rate(Signal::kLatinExtendedRate, counts.latin_extended);
  rate(Signal::kOtherScriptRate, counts.other_script);
  rate(Signal::kMathSymbolRate, counts.math_symbols);
  count(Signal::kLatexMarks, counts.latex);
  count(Signal::kQuestionMarks, counts.question_marks);
  count(Signal::kNumberCount, counts.numbers);
  count(Signal::kDecimalCount, counts.decimals);
  count(Signal::kLongestNumber, counts.longest_number);
  const auto words = static_cast<double>(std::max<std::uint64_t>(1, counts.words));
  set(out, Signal::kMeanWordLength, static_cast<float>(static_cast<double>(counts.word_bytes) / words));
}

void set_mark_signals(std::span<const BlockMasks> masks, Description& out) {
  const TextMarks marks = find_marks(out.text, masks);
  set(out, Signal::kOptionMarks, log_count(marks.options));
  set(out, Signal::kCodeFences, log_count(marks.code_fences));
  set(out, Signal::kCodeMarks, log_count(marks.code));
  set(out, Signal::kJsonMarks, log_count(marks.json));
  set(out, Signal::kTableMarks, log_count(marks.table));
  set(out, Signal::kListMarks, log_count(marks.list));
  set(out, Signal::kUrlCount, log_count(marks.urls));
}

void set_tool_signals(const ToolFacts& facts, Description& out) {
  set(out, Signal::kTools, log_count(static_cast<double>(facts.size.count)));
  set(out, Signal::kToolParameters, log_count(static_cast<double>(facts.parameters)));
  set(out, Signal::kToolNestedTypes, log_count(static_cast<double>(facts.nested)));
  set(out, Signal::kToolMatchBest, static_cast<float>(facts.match_best));
  double mentioned = 0;
  for (const std::uint64_t token : out.tokens) mentioned += facts.words.holds(token) ? 1 : 0;
  const double tokens = std::max<double>(1, static_cast<double>(out.tokens.size()));
  set(out, Signal::kToolMatch, static_cast<float>(mentioned / tokens));
}

/// Fills `words` with those of the text.
void set_word_signals(WordSet& words, Description& out) {
  std::size_t distinct = 0;
  for (const std::uint64_t token : out.tokens) distinct += words.add(token);
  const auto counts = count_word_classes(out.tokens);
  for (std::size_t k = 0; k < kWordClassCount; ++k)
    out.signals[static_cast<std::size_t>(Signal::kInstructionWords) + k] = log_count(counts[k]);
  const double tokens = std::max<double>(1, static_cast<double>(out.tokens.size()));
  set(out, Signal::kUniqueWordRate, static_cast<float>(std::min(1.0, static_cast<double>(distinct) / tokens)));
}

void set_request_signals(const Frame& frame, Description& out) {
  set(out, Signal::kMessages, log_count(static_cast<double>(frame.messages)));
  set(out, Signal::kHasSystem, frame.system ? 1.0F : 0.0F);
  set(out, Signal::kHasImages, out.has_images ? 1.0F : 0.0F);
  set(out, Signal::kMaxOutput, log_count(out.max_output_tokens));
  set(out, Signal::kWantsJson, out.wants_json_schema ? 1.0F : 0.0F);
  set(out, Signal::kLogInputTokens, log_count(out.input_tokens));
}

/// All but the text itself. `read_tools(words, facts)` reads the tools once the words of the text are known.
template <class ReadTools>
void complete(const TextBuilder& builder, const Frame& frame, Reads reads, ReadTools&& read_tools, Description& out) {
  const TextCounts& counts = builder.counts;
  out.signals.fill(0);
  out.tokens.clear();
  out.letters.clear();
  out.text_bytes = counts.bytes;
  out.text_hash = builder.hash.value();
  out.question_tokens_begin = 0;
  if (reads.tokens || reads.signals) read_tokens(builder.masks(), out);
  if (reads.tokens && reads.question) read_question(frame.user_begin, out);
  if (reads.letters) read_letters(out.text, builder.masks(), out.letters);
  std::optional<WordSet> words;
  if (reads.signals) set_word_signals(words.emplace(), out);
  ToolSize tools;
  if (frame.tools == Tools::kMaybe) {
    ToolFacts facts;
    facts.text_words = words ? &*words : nullptr;
    read_tools(facts);
    tools = facts.size;
    if (words && tools.count > 0) set_tool_signals(facts, out);
  }
  out.has_tools = tools.count > 0;
  const double estimate = counts.tokens() + 4.0 * static_cast<double>(frame.messages) + 3.0 +
                          static_cast<double>(tools.bytes) / 3.5 + 8.0 * static_cast<double>(tools.count);
  out.input_tokens = static_cast<std::uint32_t>(std::min(estimate, 4e9));
  if (reads.signals) {
    set_count_signals(counts, out);
    set_mark_signals(builder.masks(), out);
    set_request_signals(frame, out);
  }
  if (!reads.tokens) out.tokens.clear();
}

void clear_request_facts(Description& out) {
  out.task_hint.clear();
  out.max_output_tokens = 0;
  out.has_images = false;
  out.wants_json_schema = false;
}

void describe_framed(std::string_view prompt, Frame frame, std::string_view tools_json, Description& out) {
  clear_request_facts(out);
  TextBuilder builder(out.text);
  builder.add(prompt);
  builder.finish();
  frame.tools = tools_json.empty() ? Tools::kNone : Tools::kMaybe;
  const auto read_tools = [&](ToolFacts& facts) {
    json_for_each_element(tools_json, [&](std::string_view tool) {
      if (facts.size.count++ < kToolsReadMax) read_tool_json(tool, facts);
      return true;
    });
  };
  complete(builder, frame, kReadsAll, read_tools, out);
}

}  // namespace

void Description::reserve() {
  text.reserve(2 * kTokensMax + 16);
  tokens.reserve(kTokensMax + 1);
  letters.reserve(letters_bytes_max(kTokensMax + 1));
  task_hint.reserve(256);
}

void describe(const core::Request& request, Description& out, Reads reads) {
  clear_request_facts(out);
  out.task_hint = request.task_hint;
  out.max_output_tokens = request.max_output_tokens.value_or(0);
  out.has_images = request.has_images();
  out.wants_json_schema = request.response_format == core::ResponseFormat::kJsonSchema;
  TextBuilder builder(out.text);
  Frame frame{request.messages.size(), false, request.tools.empty() ? Tools::kNone : Tools::kMaybe};
  for (const core::Message& message : request.messages) {
    frame.system |= message.role == core::Role::kSystem;
    if (message.role == core::Role::kUser) frame.user_begin = builder.next_begin();
    for (const core::Part& part : message.parts)
      if (part.kind == core::PartKind::kText) builder.add(part.text);
  }
  builder.finish();
  const auto read_tools = [&](ToolFacts& facts) {
    for (const core::ToolDefinition& tool : request.tools)
      if (facts.size.count++ < kToolsReadMax) read_tool(tool.name, tool.description, tool.parameters, facts);
  };
  complete(builder, frame, reads, read_tools, out);
}

void describe_text(std::string_view prompt, std::string_view tools_json, Description& out) {
  describe_framed(prompt, Frame{}, tools_json, out);
}

void describe_row(std::string_view prompt, std::string_view messages_json, std::string_view tools_json,
                  Description& out) {
  Frame frame{0};
  std::string user_text;
  json_for_each_element(messages_json, [&](std::string_view message) {
    ++frame.messages;
    bool user = false;
    std::string_view content;
    json_for_each_member(message, [&](std::string_view key, std::string_view value) {
      if (key == "content") content = value;
      if (key != "role") return true;
      frame.system |= value == "\"system\"" || value == "\"developer\"";
      user = value == "\"user\"";
      return true;
    });
    if (user && content.starts_with('"')) {
      user_text.clear();
      json_append_string(content, user_text);
    }
    return true;
  });
  if (const auto at = prompt.rfind(user_text); !user_text.empty() && at != prompt.npos) frame.user_begin = at;
  if (frame.messages == 0) frame.messages = 1;
  describe_framed(prompt, frame, tools_json, out);
}

std::span<const std::string> signal_names() {
  static const auto names = [] {
    std::array<std::string, kSignalCount> result;
    std::size_t next = 0;
    const auto add = [&](std::string_view enumerator) {
      for (const char c : enumerator.substr(1)) {
        const bool upper = c >= 'A' && c <= 'Z';
        if (upper && !result[next].empty()) result[next].push_back('_');
        result[next].push_back(upper ? static_cast<char>(c + 32) : c);
      }
      ++next;
    };
#define SIGNAL(name, help) add(#name);
#include "thalamus/feature/signals.def"
#undef SIGNAL
    return result;
  }();
  return names;
}

std::span<const std::string_view> signal_helps() noexcept {
  static constexpr std::array<std::string_view, kSignalCount> kHelps{
#define SIGNAL(name, help) help,
#include "thalamus/feature/signals.def"
#undef SIGNAL
  };
  return kHelps;
}

std::uint64_t signal_schema_hash() {
  constexpr std::uint64_t kDefinition = 2;  // raised when a signal is computed differently
  std::uint64_t hash = word_class_hash() + kDefinition;
  for (const std::string& name : signal_names()) hash = base::hash64(name, hash);
  return hash;
}

}  // namespace thalamus::feature
