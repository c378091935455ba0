-- Audits every change of hubspot_mock_exams by write_audit, shared by all tables.
-- Truncating, which no row trigger sees, is refused.
create or replace trigger hubspot_mock_exams_audit
  after insert or update or delete on hubspot_sync.hubspot_mock_exams
  for each row
  execute function hubspot_sync.write_audit();

create or replace trigger hubspot_mock_exams_no_truncate
  before truncate on hubspot_sync.hubspot_mock_exams
  for each statement
  execute function hubspot_sync.refuse_truncate();
