-- Audits every change of hubspot_contact_credits; write_audit is shared by all tables.
create or replace trigger hubspot_contact_credits_audit
  after insert or update or delete on hubspot_sync.hubspot_contact_credits
  for each row
  execute function hubspot_sync.write_audit();
