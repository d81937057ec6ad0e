"""What a person looks at: pictures of single queries."""
