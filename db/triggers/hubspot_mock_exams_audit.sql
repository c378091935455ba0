-- Audits every change of hubspot_mock_exams; write_audit is shared by all tables.
create or replace trigger hubspot_mock_exams_audit
  after insert or update or delete on hubspot_sync.hubspot_mock_exams
  for each row
  execute function hubspot_sync.write_audit();
