-- Audits every change of hubspot_bookings; write_audit is shared by all tables.
create or replace trigger hubspot_bookings_audit
  after insert or update or delete on hubspot_sync.hubspot_bookings
  for each row
  execute function hubspot_sync.write_audit();
