// What a refusal carries of google/rpc/error_details.proto, which no package of the client's brings along.

import { create, createFileRegistry } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

const string = (name, number) => ({ name, number, type: Type.STRING, label: Label.OPTIONAL });
const repeated = (name, number, typeName) => ({ name, number, type: Type.MESSAGE, label: Label.REPEATED, typeName });

const registry = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: "google/rpc/error_details.proto",
    package: "google.rpc",
    syntax: "proto3",
    messageType: [
      {
        name: "ErrorInfo",
        field: [
          string("reason", 1),
          string("domain", 2),
          repeated("metadata", 3, ".google.rpc.ErrorInfo.MetadataEntry"),
        ],
        nestedType: [
          { name: "MetadataEntry", options: { mapEntry: true }, field: [string("key", 1), string("value", 2)] },
        ],
      },
      {
        name: "BadRequest",
        field: [repeated("field_violations", 1, ".google.rpc.BadRequest.FieldViolation")],
        nestedType: [{ name: "FieldViolation", field: [string("field", 1), string("description", 2)] }],
      },
    ],
  }),
  () => undefined,
);

/** Why a call was refused, in words for programs. */
export const ErrorInfo = registry.getMessage("google.rpc.ErrorInfo");
/** Which fields of the request are to blame. */
export const BadRequest = registry.getMessage("google.rpc.BadRequest");
