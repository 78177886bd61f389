// Stands in for libFuzzer's driver in ordinary builds: runs the target once over every file of the folders given, then
// for some seconds over mutations of them, without coverage to guide it.
//
//   fuzz_NAME FOLDER... [-seconds=N] [-seed=N]
//
// The input that runs lies in a mapped file, so that a crash leaves it behind: `crash-NAME` in the working folder.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/rng.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kInputMax = 64U << 10;

/// The bytes of the input that runs now, in a file that outlives a crash.
class Witness {
 public:
  explicit Witness(std::string path) : path_(std::move(path)) {
    const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) return;
    if (::ftruncate(file, kInputMax) == 0) {
      void* bytes = ::mmap(nullptr, kInputMax, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
      if (bytes != MAP_FAILED) bytes_ = static_cast<char*>(bytes);
    }
    ::close(file);
  }
  ~Witness() {
    if (bytes_ != nullptr) ::munmap(bytes_, kInputMax);
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  /// After a crash the file may be longer than the input: what is behind it is zero.
  void keep(std::string_view input) noexcept {
    if (bytes_ == nullptr) return;
    const std::size_t size = std::min(input.size(), kInputMax);
    std::memcpy(bytes_, input.data(), size);
    std::memset(bytes_ + size, 0, std::max(size, last_) - size);
    last_ = size;
  }

 private:
  std::string path_;
  char* bytes_ = nullptr;
  std::size_t last_ = 0;
};

class Mutator {
 public:
  Mutator(const std::vector<std::string>& seeds, std::uint64_t seed) : seeds_(seeds), random_(seed) {}

  std::string next() {
    std::string input = seeds_[below(seeds_.size())];
    for (std::size_t steps = 1 + below(4); steps > 0; --steps) change(input);
    input.resize(std::min(input.size(), kInputMax));
    return input;
  }

 private:
  std::size_t below(std::size_t bound) { return random_.below(bound); }

  /// A piece of any seed: what parsers act on is in there.
  std::string piece() {
    const std::string& from = seeds_[below(seeds_.size())];
    if (from.empty()) return {};
    const std::size_t at = below(from.size());
    return from.substr(at, 1 + below(std::min<std::size_t>(from.size() - at, 64)));
  }

  void change(std::string& input) {
    static constexpr std::array<std::string_view, 10> kOdd = {
        "\xff", std::string_view("\0", 1), "-1", "18446744073709551616", "1e999", "\"", "\\u0000", "{", "[[[[", "\r\n"};
    const std::size_t at = input.empty() ? 0 : below(input.size());
    const std::size_t span = input.empty() ? 0 : 1 + below(std::min<std::size_t>(input.size() - at, 64));
    switch (input.empty() ? 3 : below(7)) {
      case 0: input[at] = static_cast<char>(input[at] ^ (1 << below(8))); break;
      case 1: input[at] = static_cast<char>(below(256)); break;
      case 2: input.erase(at, span); break;
      case 3: input.insert(at, piece()); break;
      case 4: input.insert(at, kOdd[below(kOdd.size())]); break;
      case 5: input.insert(at, input.substr(at, span)); break;
      default: input.replace(at, span, piece()); break;
    }
  }

  const std::vector<std::string>& seeds_;
  thalamus::base::Rng random_;
};

void run(std::string_view input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

std::uint64_t option(std::string_view argument, std::string_view name, std::uint64_t otherwise) {
  if (!argument.starts_with(name)) return otherwise;
  argument.remove_prefix(name.size());
  std::from_chars(argument.data(), argument.data() + argument.size(), otherwise);
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> seeds;
  std::uint64_t seconds = 0;
  std::uint64_t seed = 1;
  for (int i = 1; i < argc; ++i) {
    seconds = option(argv[i], "-seconds=", seconds);
    seed = option(argv[i], "-seed=", seed);
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i], error)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
      run(seeds.back());
    }
  }
  std::printf("%zu corpus files\n", seeds.size());
  if (seeds.empty()) return 1;
  Witness witness("crash-" + std::filesystem::path(argv[0]).filename().string());
  Mutator mutator(seeds, seed);
  std::uint64_t runs = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  for (; std::chrono::steady_clock::now() < end; ++runs) {
    const std::string input = mutator.next();
    witness.keep(input);
    run(input);
  }
  if (runs > 0)
    std::printf("%llu mutations from seed %llu\n", static_cast<unsigned long long>(runs),
                static_cast<unsigned long long>(seed));
  return 0;
}
