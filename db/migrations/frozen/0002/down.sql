-- Back to the old layout. Refuses while a record exists that only the Dual-ID can hold.
do $$
declare
  v_bookings bigint := (select count(*) from hubspot_sync.hubspot_bookings
                         where hubspot_id is null);
  v_contacts bigint := (select count(*) from hubspot_sync.hubspot_contact_credits
                         where hubspot_id is null);
begin
  if v_bookings + v_contacts > 0 then
    raise exception 'cannot downgrade: % bookings and % contacts have no HubSpot id yet',
      v_bookings, v_contacts
      using errcode = '55000',
            hint = 'Run «glue drain --once» until nothing is pending, then downgrade again.';
  end if;
end
$$;

set local timezone = 'UTC';

drop index hubspot_sync.idx_bookings_no_hubspot_id;
drop index hubspot_sync.idx_bookings_created_at;
drop index hubspot_sync.idx_bookings_status;
drop index hubspot_sync.idx_bookings_student_email;
drop index hubspot_sync.idx_bookings_student_id;
drop index hubspot_sync.bookings_one_active_per_day;
drop index hubspot_sync.bookings_one_active_per_exam;
drop index hubspot_sync.bookings_booking_id;
alter table hubspot_sync.hubspot_bookings
  drop constraint bookings_exam_fkey,
  drop constraint bookings_contact_fkey,
  alter column hubspot_id set not null,
  alter column booking_id drop not null,
  alter column student_id drop not null,
  alter column student_email drop not null,
  alter column mock_exam_id drop not null,
  alter column created_at drop default,
  alter column updated_at drop default,
  alter column created_at type timestamp,
  alter column updated_at type timestamp,
  alter column synced_at type timestamp,
  drop column exam,
  drop column contact,
  drop column mock_type,
  drop column idempotency_request,
  drop column idempotency_result,
  drop column exempt,
  drop column hubspot_last_sync_at;

drop index hubspot_sync.idx_contacts_no_hubspot_id;
alter table hubspot_sync.hubspot_contact_credits reset (fillfactor);
alter table hubspot_sync.hubspot_contact_credits
  drop constraint credits_not_negative,
  alter column hubspot_id set not null,
  alter column sj_credits drop not null,
  alter column cs_credits drop not null,
  alter column sjmini_credits drop not null,
  alter column shared_mock_credits drop not null,
  alter column created_at drop default,
  alter column updated_at drop default,
  alter column created_at type timestamp,
  alter column updated_at type timestamp,
  alter column synced_at type timestamp,
  drop column hubspot_last_sync_at;
-- mock_discussion_token holds students' balances: a database that had the column keeps it.
do $$
begin
  if exists (select from hubspot_sync.adoption
              where object = 'hubspot_contact_credits' and action = 'created') then
    alter table hubspot_sync.hubspot_contact_credits drop column mock_discussion_token;
  else
    alter table hubspot_sync.hubspot_contact_credits
      alter column mock_discussion_token drop not null;
  end if;
end
$$;

drop index hubspot_sync.idx_exams_starts_at;
drop index hubspot_sync.idx_exams_type_date;
alter table hubspot_sync.hubspot_mock_exams
  drop constraint exams_capacity_not_negative,
  alter column created_at drop default,
  alter column updated_at drop default,
  alter column created_at type timestamp,
  alter column updated_at type timestamp,
  alter column synced_at type timestamp,
  drop column mock_set,
  drop column starts_at,
  drop column scheduled_activation_at,
  drop column hubspot_last_sync_at;

drop table hubspot_sync.migration_findings;
