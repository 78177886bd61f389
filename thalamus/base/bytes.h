/// Little-endian binary writing and bounds-checked reading for snapshots and decision records.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::base {

static_assert(std::endian::native == std::endian::little, "file formats are written as they lie in memory");

template <class T>
concept Scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

/// Appends to one growing string.
class ByteWriter {
 public:
  template <Scalar T>
  void put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void put_string(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_.append(text);
  }
  template <Scalar T>
  void put_array(std::span<const T> values) {
    put(static_cast<std::uint64_t>(values.size()));
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  }
  template <Scalar T>
  void put_array(const std::vector<T>& values) {
    put_array(std::span<const T>(values));
  }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string take() noexcept { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what ByteWriter wrote. Every call fails with kCorrupt instead of passing the end; sizes are checked against
/// the bytes that are left before anything is allocated.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) noexcept : rest_(bytes) {}

  template <Scalar T>
  [[nodiscard]] Result<T> get() {
    if (rest_.size() < sizeof(T)) return truncated(sizeof(T));
    T value;
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  [[nodiscard]] Result<std::string> get_string() {
    TRY(const auto size, get<std::uint32_t>());
    if (rest_.size() < size) return truncated(size);
    std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return text;
  }
  template <Scalar T>
  [[nodiscard]] Result<std::vector<T>> get_array() {
    TRY(const auto count, get<std::uint64_t>());
    if (count > rest_.size() / sizeof(T)) return truncated(count);
    std::vector<T> values(static_cast<std::size_t>(count));
    if (count > 0) std::memcpy(values.data(), rest_.data(), values.size() * sizeof(T));
    rest_.remove_prefix(values.size() * sizeof(T));
    return values;
  }
  /// Takes `size` raw bytes; the view lives as long as the bytes given to the constructor.
  [[nodiscard]] Result<std::string_view> get_raw(std::size_t size) {
    if (rest_.size() < size) return truncated(size);
    const auto view = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return view;
  }
  [[nodiscard]] std::size_t remaining() const noexcept { return rest_.size(); }

 private:
  [[nodiscard]] std::unexpected<Error> truncated(std::uint64_t wanted) const {
    return fail(ErrorKind::kCorrupt, "truncated: {} bytes or items wanted, {} bytes left", wanted, rest_.size());
  }
  std::string_view rest_;
};

}  // namespace thalamus::base
