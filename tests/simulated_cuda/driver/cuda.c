// CUDA's driver, as far as it says which device is which: SIMULATED_CUDA_IDENTITIES has a letter for each,
// in the order in which this process sees them, of which the identity's 16 bytes are.
#include <stdlib.h>
#include <string.h>

static const int INVALID_DEVICE = 101;

int cuInit(unsigned flags) { return (int)flags; }

int cuDeviceGet(int* device, int ordinal) {
  const char* identities = getenv("SIMULATED_CUDA_IDENTITIES");
  if (identities == NULL || ordinal < 0 || (size_t)ordinal >= strlen(identities)) return INVALID_DEVICE;
  *device = identities[ordinal];
  return 0;
}

int cuDeviceGetUuid_v2(char* bytes, int device) {
  memset(bytes, device, 16);
  return 0;
}
