"""Models written as XML: PMML and the OpenVINO intermediate representation."""
