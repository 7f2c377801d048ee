// The memory of the simulated device: two ranges of addresses, and what is free in them.
#include "memory.h"

#include <sys/mman.h>

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "counters.h"
#include "fault.h"

namespace simulated_cuda {
namespace {

constexpr size_t SMALL_STEP = 512;
constexpr size_t LARGE_STEP = 1 << 20;
// Addresses, not memory: a page is there once it is written.
constexpr size_t DEFAULT_SIZE = size_t{16} << 30;

size_t rounded(size_t bytes) {
  const size_t step = bytes > LARGE_STEP ? LARGE_STEP : SMALL_STEP;
  return std::max(step, (bytes + step - 1) / step * step);
}

std::string in_words(size_t bytes) {
  constexpr std::array<const char*, 4> UNITS = {"bytes", "KiB", "MiB", "GiB"};
  size_t unit = 0;
  double number = static_cast<double>(bytes);
  for (; number >= 1024 && unit + 1 < UNITS.size(); ++unit) number /= 1024;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.2f %s", number, UNITS[unit]);
  return text.data();
}

class Arena {
 public:
  Arena() {
    if (const char* limit = std::getenv("SIMULATED_CUDA_MEMORY")) {
      size_ = rounded(std::strtoull(limit, nullptr, 10));
    }
    void* both = mmap(nullptr, 2 * size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    TORCH_CHECK(both != MAP_FAILED, "simulated CUDA: no addresses for ", 2 * size_, " bytes");
    start_ = static_cast<char*>(both);
    TORCH_CHECK(mprotect(start_, size_, PROT_READ | PROT_WRITE) == 0, "simulated CUDA: mprotect failed");
    watch_device_addresses(start_ + size_, size_);
  }

  char* take(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto& free = free_[bytes];
    char* piece = start_ + used_;
    if (!free.empty()) {
      piece = free.back();
      free.pop_back();
    } else if (bytes <= size_ - used_) {
      used_ += bytes;
    } else {
      // In the words of a real one, whose numbers programs read.
      TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate ", in_words(bytes),
                       ". GPU 0 has a total capacity of ", in_words(size_), " of which ",
                       in_words(size_ - used_), " is free. Of the allocated memory ", in_words(allocated_),
                       " is allocated by PyTorch, and ", in_words(used_ - allocated_),
                       " is reserved by PyTorch but unallocated.");
    }
    allocated_ += bytes;
    note_memory(allocated_);
    return piece;
  }

  void give_back(char* piece, size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    free_[bytes].push_back(piece);
    allocated_ -= bytes;
  }

  char* device_address(char* real) const { return real + size_; }

  bool is_device_address(const void* address) const {
    const char* at = static_cast<const char*>(address);
    return at >= start_ + size_ && at < start_ + 2 * size_;
  }

 private:
  size_t size_ = DEFAULT_SIZE, used_ = 0, allocated_ = 0;
  char* start_ = nullptr;
  std::mutex mutex_;
  std::map<size_t, std::vector<char*>> free_;
};

// Never destroyed: tensors in static memory are freed after the destructors of this library.
Arena& arena() {
  static Arena* arena = new Arena;
  return *arena;
}

void free_allocation(void* context) {
  auto* allocation = static_cast<Allocation*>(context);
  if (allocation->real != nullptr) arena().give_back(allocation->real, allocation->taken);
  delete allocation;
}

struct DeviceAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    const auto device = c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->getDevice();
    // The address of no memory is null, on a real device too.
    char* real = nullptr;
    const size_t taken = bytes == 0 ? 0 : rounded(bytes);
    if (bytes > 0) {
      real = arena().take(taken);
      std::memset(real, 0xFF, taken);
    }
    c10::Storage host(c10::Storage::use_byte_size_t(), bytes, c10::DataPtr(real, c10::Device(c10::kCPU)),
                      /*allocator=*/nullptr, /*resizable=*/false);
    auto* allocation = new Allocation{real, bytes, taken, std::move(host)};
    char* address = real == nullptr ? nullptr : arena().device_address(real);
    return {address, allocation, &free_allocation, device};
  }

  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }

  void copy_data(void*, const void*, size_t) const override {
    TORCH_CHECK(false, "simulated CUDA: memory is copied by tensors alone");
  }
};

struct PinnedAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    c10::DataPtr memory = c10::GetAllocator(c10::kCPU)->allocate(bytes);
    auto* kept = new c10::DataPtr(std::move(memory));
    std::lock_guard<std::mutex> lock(mutex);
    ranges[static_cast<char*>(kept->get())] = bytes;
    return {kept->get(), kept, &forget, c10::Device(c10::kCPU)};
  }

  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  static void forget(void* context) {
    auto* kept = static_cast<c10::DataPtr*>(context);
    {
      std::lock_guard<std::mutex> lock(mutex);
      ranges.erase(static_cast<char*>(kept->get()));
    }
    delete kept;
  }

  static inline std::mutex mutex;
  static inline std::map<const char*, size_t> ranges;
};

}  // namespace

c10::Allocator* device_allocator() {
  static auto* allocator = new DeviceAllocator;
  return allocator;
}

c10::Allocator* pinned_allocator() {
  static auto* allocator = new PinnedAllocator;
  return allocator;
}

bool is_pinned(const void* address) {
  const char* at = static_cast<const char*>(address);
  std::lock_guard<std::mutex> lock(PinnedAllocator::mutex);
  auto behind = PinnedAllocator::ranges.upper_bound(at);
  if (behind == PinnedAllocator::ranges.begin()) return false;
  --behind;
  return at < behind->first + behind->second;
}

bool is_device_address(const void* address) { return arena().is_device_address(address); }

Allocation& allocation_of(const c10::StorageImpl& storage) {
  TORCH_CHECK(storage.data_ptr().get_deleter() == &free_allocation,
              "simulated CUDA: this tensor's memory is not of the device's allocator");
  return *static_cast<Allocation*>(storage.data_ptr().get_context());
}

}  // namespace simulated_cuda
