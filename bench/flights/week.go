package flights

// Week is the path of the embedded first week of 2001 as a Parquet file, for reading within this process.
func Week() (string, error) { return weekFile() }
