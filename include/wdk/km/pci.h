/* SPDX-License-Identifier: MIT
 *
 * PCI configuration space: the header, the capabilities that SR-IOV functions have, register bits.
 */
#ifndef VFPLANE_WDK_PCI_H
#define VFPLANE_WDK_PCI_H

#include "types.h"

#define PCI_TYPE0_ADDRESSES              6
#define PCI_TYPE1_ADDRESSES              2
#define PCI_TYPE2_ADDRESSES              5
#define PCI_COMMON_HDR_LENGTH            64
#define PCI_EXTENDED_CONFIG_LENGTH       0x1000
#define PCI_MAX_DEVICES                  32
#define PCI_MAX_FUNCTION                 8
#define PCI_MAX_BRIDGE_NUMBER            0xFF
#define PCI_MAX_SEGMENT_NUMBER           0xFFFF
#define PCI_INVALID_VENDORID             0xFFFF
#define PCI_MULTIFUNCTION                0x80
#define PCI_DEVICE_TYPE                  0x00
#define PCI_BRIDGE_TYPE                  0x01
#define PCI_CARDBUS_BRIDGE_TYPE          0x02
#define PCI_CONFIGURATION_TYPE(Config)   (((PPCI_COMMON_HEADER)(Config))->HeaderType & ~PCI_MULTIFUNCTION)
#define PCI_MULTIFUNCTION_DEVICE(Config) ((((PPCI_COMMON_HEADER)(Config))->HeaderType & PCI_MULTIFUNCTION) != 0)

/* The space argument of NdisMGetBusData and GetBusData. */
#define PCI_WHICHSPACE_CONFIG 0x0
#define PCI_WHICHSPACE_ROM    0x52696350

#define PCI_ENABLE_IO_SPACE               0x0001
#define PCI_ENABLE_MEMORY_SPACE           0x0002
#define PCI_ENABLE_BUS_MASTER             0x0004
#define PCI_ENABLE_SPECIAL_CYCLES         0x0008
#define PCI_ENABLE_WRITE_AND_INVALIDATE   0x0010
#define PCI_ENABLE_VGA_COMPATIBLE_PALETTE 0x0020
#define PCI_ENABLE_PARITY                 0x0040
#define PCI_ENABLE_WAIT_CYCLE             0x0080
#define PCI_ENABLE_SERR                   0x0100
#define PCI_ENABLE_FAST_BACK_TO_BACK      0x0200
#define PCI_DISABLE_LEVEL_INTERRUPT       0x0400

#define PCI_STATUS_INTERRUPT_PENDING     0x0008
#define PCI_STATUS_CAPABILITIES_LIST     0x0010
#define PCI_STATUS_66MHZ_CAPABLE         0x0020
#define PCI_STATUS_UDF_SUPPORTED         0x0040
#define PCI_STATUS_FAST_BACK_TO_BACK     0x0080
#define PCI_STATUS_DATA_PARITY_DETECTED  0x0100
#define PCI_STATUS_DEVSEL                0x0600
#define PCI_STATUS_SIGNALED_TARGET_ABORT 0x0800
#define PCI_STATUS_RECEIVED_TARGET_ABORT 0x1000
#define PCI_STATUS_RECEIVED_MASTER_ABORT 0x2000
#define PCI_STATUS_SIGNALED_SYSTEM_ERROR 0x4000
#define PCI_STATUS_DETECTED_PARITY_ERROR 0x8000

#define PCI_ADDRESS_IO_SPACE            0x00000001
#define PCI_ADDRESS_MEMORY_TYPE_MASK    0x00000006
#define PCI_ADDRESS_MEMORY_PREFETCHABLE 0x00000008
#define PCI_ADDRESS_IO_ADDRESS_MASK     0xfffffffc
#define PCI_ADDRESS_MEMORY_ADDRESS_MASK 0xfffffff0
#define PCI_ADDRESS_ROM_ADDRESS_MASK    0xfffff800
#define PCI_TYPE_32BIT                  0
#define PCI_TYPE_20BIT                  2
#define PCI_TYPE_64BIT                  4
#define PCI_ROMADDRESS_ENABLED          0x00000001

#define PCI_CLASS_NETWORK_CTLR         0x02
#define PCI_SUBCLASS_NET_ETHERNET_CTLR 0x00

#define PCI_CAPABILITY_ID_POWER_MANAGEMENT 0x01
#define PCI_CAPABILITY_ID_AGP              0x02
#define PCI_CAPABILITY_ID_VPD              0x03
#define PCI_CAPABILITY_ID_SLOT_ID          0x04
#define PCI_CAPABILITY_ID_MSI              0x05
#define PCI_CAPABILITY_ID_CPCI_HOTSWAP     0x06
#define PCI_CAPABILITY_ID_PCIX             0x07
#define PCI_CAPABILITY_ID_HYPERTRANSPORT   0x08
#define PCI_CAPABILITY_ID_VENDOR_SPECIFIC  0x09
#define PCI_CAPABILITY_ID_DEBUG_PORT       0x0A
#define PCI_CAPABILITY_ID_CPCI_RES_CTRL    0x0B
#define PCI_CAPABILITY_ID_SHPC             0x0C
#define PCI_CAPABILITY_ID_P2P_SSID         0x0D
#define PCI_CAPABILITY_ID_AGP_TARGET       0x0E
#define PCI_CAPABILITY_ID_SECURE           0x0F
#define PCI_CAPABILITY_ID_PCI_EXPRESS      0x10
#define PCI_CAPABILITY_ID_MSIX             0x11

#define PCI_EXPRESS_ADVANCED_ERROR_REPORTING_CAP_ID                0x0001
#define PCI_EXPRESS_VIRTUAL_CHANNEL_CAP_ID                         0x0002
#define PCI_EXPRESS_DEVICE_SERIAL_NUMBER_CAP_ID                    0x0003
#define PCI_EXPRESS_POWER_BUDGETING_CAP_ID                         0x0004
#define PCI_EXPRESS_RC_LINK_DECLARATION_CAP_ID                     0x0005
#define PCI_EXPRESS_RC_INTERNAL_LINK_CONTROL_CAP_ID                0x0006
#define PCI_EXPRESS_RC_EVENT_COLLECTOR_ENDPOINT_ASSOCIATION_CAP_ID 0x0007
#define PCI_EXPRESS_MFVC_CAP_ID                                    0x0008
#define PCI_EXPRESS_VC_AND_MFVC_CAP_ID                             0x0009
#define PCI_EXPRESS_RCRB_HEADER_CAP_ID                             0x000A
#define PCI_EXPRESS_SINGLE_ROOT_IO_VIRTUALIZATION_CAP_ID           0x0010

/* Device and function in one number, the function in the low 3 bits of AsULONG's bits 5..7. */
typedef struct _PCI_SLOT_NUMBER {
    union {
        struct {
            ULONG DeviceNumber : 5;
            ULONG FunctionNumber : 3;
            ULONG Reserved : 24;
        } bits;
        ULONG AsULONG;
    } u;
} PCI_SLOT_NUMBER, *PPCI_SLOT_NUMBER;

/* The first 64 bytes. VFPLANE_PCI_HEADER_MEMBERS stands for them where C and C++ both need them nameless. */
#define VFPLANE_PCI_HEADER_MEMBERS                                                                                     \
    USHORT VendorID;                                                                                                   \
    USHORT DeviceID;                                                                                                   \
    USHORT Command;                                                                                                    \
    USHORT Status;                                                                                                     \
    UCHAR RevisionID;                                                                                                  \
    UCHAR ProgIf;                                                                                                      \
    UCHAR SubClass;                                                                                                    \
    UCHAR BaseClass;                                                                                                   \
    UCHAR CacheLineSize;                                                                                               \
    UCHAR LatencyTimer;                                                                                                \
    UCHAR HeaderType;                                                                                                  \
    UCHAR BIST;                                                                                                        \
    union {                                                                                                            \
        struct {                                                                                                       \
            ULONG BaseAddresses[PCI_TYPE0_ADDRESSES];                                                                  \
            ULONG CIS;                                                                                                 \
            USHORT SubVendorID;                                                                                        \
            USHORT SubSystemID;                                                                                        \
            ULONG ROMBaseAddress;                                                                                      \
            UCHAR CapabilitiesPtr;                                                                                     \
            UCHAR Reserved1[3];                                                                                        \
            ULONG Reserved2;                                                                                           \
            UCHAR InterruptLine;                                                                                       \
            UCHAR InterruptPin;                                                                                        \
            UCHAR MinimumGrant;                                                                                        \
            UCHAR MaximumLatency;                                                                                      \
        } type0;                                                                                                       \
        struct {                                                                                                       \
            ULONG BaseAddresses[PCI_TYPE1_ADDRESSES];                                                                  \
            UCHAR PrimaryBus;                                                                                          \
            UCHAR SecondaryBus;                                                                                        \
            UCHAR SubordinateBus;                                                                                      \
            UCHAR SecondaryLatency;                                                                                    \
            UCHAR IOBase;                                                                                              \
            UCHAR IOLimit;                                                                                             \
            USHORT SecondaryStatus;                                                                                    \
            USHORT MemoryBase;                                                                                         \
            USHORT MemoryLimit;                                                                                        \
            USHORT PrefetchBase;                                                                                       \
            USHORT PrefetchLimit;                                                                                      \
            ULONG PrefetchBaseUpper32;                                                                                 \
            ULONG PrefetchLimitUpper32;                                                                                \
            USHORT IOBaseUpper16;                                                                                      \
            USHORT IOLimitUpper16;                                                                                     \
            UCHAR CapabilitiesPtr;                                                                                     \
            UCHAR Reserved1[3];                                                                                        \
            ULONG ROMBaseAddress;                                                                                      \
            UCHAR InterruptLine;                                                                                       \
            UCHAR InterruptPin;                                                                                        \
            USHORT BridgeControl;                                                                                      \
        } type1;                                                                                                       \
    } u;

/* Configuration header of type 0 or 1. 64 bytes. */
typedef struct _PCI_COMMON_HEADER {
    VFPLANE_PCI_HEADER_MEMBERS
} PCI_COMMON_HEADER, *PPCI_COMMON_HEADER;

/* The header and the 192 bytes behind it. In C++ the header is a base, in C it is nameless: cfg->VendorID and
 * cfg->u.type0 work in both. 256 bytes. */
#if defined(__cplusplus)
typedef struct _PCI_COMMON_CONFIG : PCI_COMMON_HEADER {
    UCHAR DeviceSpecific[192];
} PCI_COMMON_CONFIG, *PPCI_COMMON_CONFIG;
#else
typedef struct _PCI_COMMON_CONFIG {
    struct {
        VFPLANE_PCI_HEADER_MEMBERS
    };
    UCHAR DeviceSpecific[192];
} PCI_COMMON_CONFIG, *PPCI_COMMON_CONFIG;
#endif

C_ASSERT(sizeof(PCI_COMMON_HEADER) == PCI_COMMON_HDR_LENGTH && sizeof(PCI_COMMON_CONFIG) == 256);

/* What every capability in the first 256 bytes begins with; Next is an offset, 0 the end. */
typedef struct _PCI_CAPABILITIES_HEADER {
    UCHAR CapabilityID;
    UCHAR Next;
} PCI_CAPABILITIES_HEADER, *PPCI_CAPABILITIES_HEADER;

/* What every extended capability begins with; Next is an offset, 0 the end. */
typedef struct _PCI_EXPRESS_ENHANCED_CAPABILITY_HEADER {
    USHORT CapabilityID;
    USHORT Version : 4;
    USHORT Next : 12;
} PCI_EXPRESS_ENHANCED_CAPABILITY_HEADER, *PPCI_EXPRESS_ENHANCED_CAPABILITY_HEADER;

#endif
