"""Problems with known answers: files, data sets, generated tasks."""
