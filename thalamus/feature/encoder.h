/// A sentence encoder as a service: tokenises, runs the network in batches, remembers vectors by the hash of their
/// text, and computes in the background for callers that must not wait.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/feature/encoder_cache.h"
#include "thalamus/feature/encoder_model.h"
#include "thalamus/feature/wordpiece.h"

namespace thalamus::feature {

inline constexpr std::size_t kEncoderTokensMax = 256;  ///< what the model was trained to read
inline constexpr std::size_t kEncoderBatch = 8;        ///< short texts gain from it; long ones lose nothing
inline constexpr std::size_t kEncoderQueueMax = 1024;  ///< texts that wait for the worker

/// Where a sentence encoder is. Empty paths: where tools/setup.sh --for encoder puts them.
struct EncoderFiles {
  std::filesystem::path model;
  std::filesystem::path vocabulary;
  std::filesystem::path runtime;  ///< ONNX Runtime's shared library
  [[nodiscard]] bool operator==(const EncoderFiles&) const = default;
};

struct EncoderLimits {
  std::size_t tokens = 64;            ///< of a text, marks included; beyond, its head and its tail
  std::size_t cache_entries = 32768;  ///< vectors remembered, about 800 bytes each
  [[nodiscard]] bool operator==(const EncoderLimits&) const = default;
};

/// A text to encode and its text_hash.
struct EncoderText {
  std::string text;
  std::uint64_t hash = 0;
};

/// Counts since the encoder was made.
struct EncoderCounts {
  std::uint64_t hits = 0;       ///< looked up and found
  std::uint64_t misses = 0;     ///< looked up and not found
  std::uint64_t encoded = 0;    ///< texts that went through the network
  std::uint64_t batches = 0;    ///< calls of the network
  std::uint64_t stand_ins = 0;  ///< transforms that used the mean vector instead
};

/// Thread-safe.
class Encoder {
 public:
  Encoder(WordPiece words, std::unique_ptr<SentenceModel> model, EncoderLimits limits, std::uint64_t content);

  /// Reads the files and loads the library. Errors name the file and the remedy.
  [[nodiscard]] static Result<std::shared_ptr<const Encoder>> open(const EncoderFiles& files,
                                                                   const EncoderLimits& limits);
  /// As `open`, but gives the one opened last where that is of the same files and limits. A feature is fitted once a
  /// fold and loaded once a snapshot; 90 MB and the vectors of all texts must not be made anew each time. This keeps
  /// one encoder until the process ends.
  [[nodiscard]] static Result<std::shared_ptr<const Encoder>> open_shared(const EncoderFiles& files,
                                                                          const EncoderLimits& limits);

  /// Copies a remembered vector; never waits for the network, allocates nothing.
  [[nodiscard]] bool lookup(std::uint64_t hash, std::span<float> out) const noexcept;
  [[nodiscard]] bool remembers(std::uint64_t hash) const noexcept { return cache_.has(hash); }
  /// Encodes what is not remembered on up to `threads` threads of its own, in batches, and fills `out` (texts x dims).
  [[nodiscard]] Status encode(std::span<const EncoderText> texts, std::size_t threads, std::span<float> out) const;
  /// The vector of one text, computed where it is called.
  [[nodiscard]] Status encode_one(std::string_view text, std::uint64_t hash, std::span<float> out) const;
  /// The vectors of single pieces, each alone between the marks, not remembered: `out` is pieces x dims.
  [[nodiscard]] Status encode_pieces(std::span<const std::uint32_t> pieces, std::span<float> out) const;
  void count_stand_in() const noexcept { stand_ins_.fetch_add(1, std::memory_order_relaxed); }

  [[nodiscard]] std::size_t dims() const noexcept { return model_->dims(); }
  [[nodiscard]] const WordPiece& words() const noexcept { return words_; }
  [[nodiscard]] const EncoderLimits& limits() const noexcept { return limits_; }
  /// Hash of the model's and the vocabulary's bytes.
  [[nodiscard]] std::uint64_t content() const noexcept { return content_; }
  [[nodiscard]] EncoderCounts counts() const noexcept;

 private:
  [[nodiscard]] Status run(std::span<const EncoderText* const> batch, std::vector<float>& vectors) const;

  WordPiece words_;
  std::unique_ptr<SentenceModel> model_;
  EncoderLimits limits_;
  std::uint64_t content_;
  mutable EncoderCache cache_;
  mutable std::atomic<std::uint64_t> hits_{0};
  mutable std::atomic<std::uint64_t> misses_{0};
  mutable std::atomic<std::uint64_t> encoded_{0};
  mutable std::atomic<std::uint64_t> batches_{0};
  mutable std::atomic<std::uint64_t> stand_ins_{0};
};

/// One thread that encodes what serving cores ask for, several texts at a time.
class EncoderWorker {
 public:
  explicit EncoderWorker(std::shared_ptr<const Encoder> encoder);
  /// Ends after the batch in progress; `done` of texts still waiting is called.
  ~EncoderWorker();
  EncoderWorker(const EncoderWorker&) = delete;
  EncoderWorker& operator=(const EncoderWorker&) = delete;

  /// Encodes a text in the background and then calls `done` once, on the worker's thread: the vector is remembered, or
  /// could not be computed. False, and `done` is dropped, where kEncoderQueueMax texts wait already.
  [[nodiscard]] bool request(std::string_view text, std::uint64_t hash, std::function<void()> done);

 private:
  struct Waiting {
    EncoderText text;
    std::function<void()> done;
  };
  void run();

  std::shared_ptr<const Encoder> encoder_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace thalamus::feature
