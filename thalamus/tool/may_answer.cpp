#include "thalamus/tool/may_answer.h"

#include <algorithm>
#include <array>
#include <string>

namespace thalamus::tool {
namespace {

constexpr std::size_t kEarlierBytesMax = 2048;

/// One word is enough. Sorted, lower case, without apostrophes.
constexpr auto kWords = std::to_array<std::string_view>({
    "act",        "adhere",     "alphabet",    "always",       "american",   "append",      "arabic",
    "assume",     "avoid",      "backward",    "backwards",    "base",       "bases",       "begin",
    "binary",     "bracket",    "brackets",    "british",      "bullet",     "bullets",     "business",
    "calendar",   "call",       "cannot",      "cant",         "capital",    "capitals",    "caps",
    "case",       "celsius",    "character",   "characters",   "child",      "children",    "chinese",
    "cipher",     "code",       "colour",      "confidential", "convention", "conventions", "count",
    "csv",        "currency",   "customary",   "czech",        "danish",     "decimal",     "decimals",
    "decline",    "decode",     "define",      "defined",      "denote",     "denotes",     "digit",
    "digits",     "disclose",   "disregard",   "doesnt",       "dont",       "dozenal",     "dutch",
    "each",       "emoji",      "emojis",      "encode",       "encrypt",    "end",         "every",
    "exact",      "exactly",    "except",      "exclusively",  "explain",    "explanation", "fahrenheit",
    "false",      "figures",    "finnish",     "forbidden",    "forget",     "format",      "formats",
    "formatted",  "formatting", "fraction",    "fractions",    "french",     "funny",       "game",
    "german",     "greek",      "haiku",       "hebrew",       "henceforth", "hex",         "hexadecimal",
    "hijri",      "hindi",      "hint",        "hints",        "holiday",    "holidays",    "html",
    "if",         "ignore",     "imagine",     "imperial",     "inches",     "include",     "incorrect",
    "indonesian", "instead",    "instruction", "instructions", "integer",    "integers",    "interpret",
    "italian",    "japanese",   "joke",        "json",         "julian",     "kid",         "kids",
    "korean",     "language",   "languages",   "latex",        "latin",      "leave",       "limit",
    "limited",    "local",      "located",     "lowercase",    "mandarin",   "markdown",    "mean",
    "meaning",    "means",      "metric",      "modulo",       "monospace",  "must",        "nearest",
    "never",      "norwegian",  "not",         "notation",     "nothing",    "number",      "numbers",
    "numeral",    "numerals",   "octal",       "omit",         "only",       "operator",    "operators",
    "opposite",   "output",     "override",    "percent",      "persian",    "persona",     "pirate",
    "places",     "play",       "poem",        "polish",       "portuguese", "precedence",  "precision",
    "prefix",     "pretend",    "pupil",       "quiz",         "quote",      "quotes",      "reasoning",
    "redefine",   "refuse",     "remember",    "replace",      "represent",  "represents",  "restrict",
    "restricted", "reveal",     "reverse",     "reversed",     "rhyme",      "rhymes",      "riddle",
    "role",       "roleplay",   "roman",       "rot13",        "round",      "rounded",     "rounding",
    "rounds",     "rule",       "rules",       "russian",      "sarcastic",  "schema",      "secret",
    "sentence",   "sentences",  "shakespeare", "shall",        "shouldnt",   "sign",        "significant",
    "single",     "socratic",   "solely",      "spanish",      "speak",      "speaking",    "speaks",
    "start",      "step",       "steps",       "strictly",     "student",    "students",    "style",
    "suffix",     "suppose",    "swedish",     "table",        "tag",        "tags",        "teach",
    "teacher",    "template",   "ternary",     "thai",         "timezone",   "today",       "todays",
    "tomorrow",   "translate",  "translation", "translator",   "treat",      "true",        "truncate",
    "turkish",    "tutor",      "tutoring",    "ukrainian",    "unit",       "units",       "unless",
    "uppercase",  "vietnamese", "vowel",       "vowels",       "weekend",    "whenever",    "without",
    "wont",       "wrap",       "wrong",       "xml",          "yaml",       "yesterday",
});
static_assert(std::is_sorted(kWords.begin(), kWords.end()));

/// Words in a row, one space between them.
constexpr auto kPhrases = std::to_array<std::string_view>({
    "answer with", "answers with", "be done",    "current date", "current time", "do no",       "from now on",
    "in words",    "it is now",    "lives in",   "one word",     "only the",     "refer to",    "reply as",
    "reply in",    "reply with",   "respond as", "respond in",   "respond with", "the date is", "the day is",
    "the time is", "the year is",  "time zone",  "write in",     "yes or no",    "you live in",
});

/// Signs beyond ASCII that say nothing: typographic punctuation and the signs of arithmetic.
std::size_t harmless_sign(std::string_view text) {
  for (const std::string_view sign : {"×", "÷", "°", "²", "³", "½", "¼"}) {
    if (text.starts_with(sign)) return sign.size();
  }
  // U+2000 to U+203F and U+2200 to U+223F
  const bool punctuation = text.size() >= 3 && (text.starts_with("\xe2\x80") || text.starts_with("\xe2\x88"));
  return punctuation ? 3 : 0;
}

/// Lower-case words with one space between them and around all; apostrophes go. Nothing for other alphabets.
bool read_plain(std::string_view text, std::string& plain) {
  plain.assign(1, ' ');
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) >= 0x80) {
      const std::size_t size = harmless_sign(text.substr(at));
      if (size == 0) return false;
      const bool apostrophe = text.substr(at, size) == "’";
      if (!apostrophe && plain.back() != ' ') plain.push_back(' ');
      at += size;
      continue;
    }
    const char small = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    if ((small >= 'a' && small <= 'z') || (small >= '0' && small <= '9')) {
      plain.push_back(small);
    } else if (c != '\'' && plain.back() != ' ') {
      plain.push_back(' ');
    }
    ++at;
  }
  if (plain.back() != ' ') plain.push_back(' ');
  return true;
}

/// What the caller asks of the reply that a tool cannot give.
bool can_honour(const core::Request& request) {
  if (request.response_format != core::ResponseFormat::kText || !request.tools.empty()) return false;
  if (request.logprobs.has_value() || !request.stop.empty()) return false;
  return request.max_output_tokens.value_or(kOutputTokensMin) >= kOutputTokensMin;
}

bool is_text(const core::Message& message) {
  return message.tool_calls.empty() && message.role != core::Role::kTool &&
         std::all_of(message.parts.begin(), message.parts.end(),
                     [](const core::Part& part) { return part.kind == core::PartKind::kText; });
}

}  // namespace

bool may_instruct(std::string_view text) {
  std::string plain;
  if (!read_plain(text, plain)) return true;
  for (std::size_t begin = 1; begin < plain.size();) {
    const std::size_t end = plain.find(' ', begin);
    if (std::binary_search(kWords.begin(), kWords.end(), std::string_view(plain).substr(begin, end - begin))) {
      return true;
    }
    begin = end + 1;
  }
  return std::any_of(kPhrases.begin(), kPhrases.end(), [&](std::string_view phrase) {
    for (std::size_t at = plain.find(phrase); at != std::string::npos; at = plain.find(phrase, at + 1)) {
      if (plain[at - 1] == ' ' && plain[at + phrase.size()] == ' ') return true;
    }
    return false;
  });
}

bool may_answer(const core::Request& request) {
  const auto& messages = request.messages;
  if (messages.empty() || messages.back().role != core::Role::kUser || !can_honour(request)) return false;
  if (!std::all_of(messages.begin(), messages.end(), is_text)) return false;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i + 1 < messages.size(); ++i) {
    if (messages[i].role == core::Role::kAssistant) continue;
    for (const core::Part& part : messages[i].parts) {
      bytes += part.text.size();
      if (bytes > kEarlierBytesMax || may_instruct(part.text)) return false;
    }
  }
  return true;
}

}  // namespace thalamus::tool
