/// Pieces of text generation that need no model: holding back bytes that are not yet safe to show.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace thalamus::host {

/// Lets whole UTF-8 characters through; a token may end inside one. What comes out does not depend on how the bytes
/// were cut.
class Utf8Holder {
 public:
  /// The text that is whole after `bytes`; only the beginning of a character that can still become valid is kept. Bytes
  /// that can never become a character pass as U+FFFD, one for each.
  [[nodiscard]] std::string feed(std::string_view bytes);
  /// What is left at the end: one U+FFFD for each byte.
  [[nodiscard]] std::string finish();

 private:
  std::string held_;
};

/// Ends the text at the first stop string to be complete; of those that end together, before the longest. Text that
/// might be the beginning of one is kept back. What comes out does not depend on how the text was cut.
class StopHolder {
 public:
  /// Empty stop strings are ignored.
  explicit StopHolder(std::vector<std::string> stops);
  /// The text that can be shown now. After a stop string was found (`stopped`) nothing more comes.
  [[nodiscard]] std::string feed(std::string_view text);
  /// What was kept back, when no more text comes.
  [[nodiscard]] std::string finish();
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace thalamus::host
