"""What fields are called, in many languages: phrases by label.

`*` at the end: also as a part of a longer word, as Germanic and Slavic compounds need. `SURE` names a thing by itself;
`LIKELY` names it in most tables and needs values, or the name of what it is in, to be suggested.
"""

from collections.abc import Mapping

from governance.classify.words import plain, word_set


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(plain(each.strip()) for each in text.split(",") if each.strip())


SURE: Mapping[str, tuple[str, ...]] = {
    "pii.email": _phrases(
        """
        email*, e mail, mail address, mailadresse*, correo electronico, correo, courriel*, adresse mail, adres email,
        posta elettronica, indirizzo mail, eposta*, e posta, epost*, sahkoposti*, emejl, imejl, почта, эл почта, мейл,
        имейл, 邮箱, 电子邮件, 郵件, メール, 이메일, البريد, ایمیل, אימייל, ईमेल, อีเมล, thu dien tu, mail addr, eml addr, cust eml
        """
    ),
    "pii.phone": _phrases(
        """
        phone*, telephone*, telefon*, telefono*, telefone*, telephonique, mobile number, mobile no, mobilnummer,
        mobiltelefon*, handynummer, handy, rufnummer*, cell, cellphone, celular*, cellulare, gsm, msisdn, whatsapp,
        fax*, tel, tel no, tel nr, telnr, telno, puhelin*, matkapuhelin*, komorka, numer telefonu, nr tel, movil,
        portable, tlf, tlfnr, puh, ph no, phn, ph num, phone nbr, contact number, contact no, mob no, mobno, mobile
        phone, mobile, телефон, мобильный, тел, 电话, 手机, 電話, 携帯, 전화, 휴대폰, هاتف, جوال, تلفن, طلفون, टेलीफोन, मोबाइल,
        โทรศัพท์, so dien thoai, dien thoai, cep tel, cep telefonu, no hp, nomor hp, nomor telepon, telepon, τηλεφωνο,
        טלפון
        """
    ),
    "pii.card": _phrases(
        """
        card number, card no, card num, cardnumber*, credit card*, creditcard*, debit card, cc number, cc num, cc no,
        ccnum, ccn, kreditkarte*, kartennummer*, numero tarjeta, tarjeta credito, tarjeta de credito, num tarjeta,
        numero carte, carte bancaire, carte bleue, carte credit, carta di credito, numero carta, cartao credito,
        cartao de credito, numero cartao, karta kredytowa, numer karty, kortnummer*, kredi karti, kart no, pan number,
        primary account number, номер карты, 卡号, 信用卡, クレジットカード, 카드번호
        """
    ),
    "pii.iban": _phrases(
        """
        iban*, international bank account number, kontonummer iban, numero de iban
        """
    ),
    "pii.ip": _phrases(
        """
        ip, ip addr*, ip address*, ipaddress*, ipaddr*, ipv, ipv4, ipv6, client ip, remote addr, remote ip, src ip,
        dst ip, source ip, adresse ip, direccion ip, indirizzo ip, endereco ip, ip adresse*, clientip, remoteaddr,
        srcip
        """
    ),
    "pii.mac": _phrases(
        """
        mac address, mac addr, macaddr*, mac adresse, direccion mac, bssid, hwaddr, hardware address
        """
    ),
    "pii.national_id": _phrases(
        """
        ssn, social security*, socialsecurity*, social insurance*, national id*, nationalid*, national insurance*,
        national identification*, identity number, id card*, identity card*, nino, ni number, passport*, passeport*,
        pasaporte*, passaporto*, passaporte*, reisepass*, ausweis*, personalausweis*, paszport*, dni, nie, nif, nir,
        insee number, numero securite sociale, securite sociale, num secu, numsecu, pesel, bsn, burgerservicenummer,
        cpf, aadhaar*, aadhar*, codice fiscale, codicefiscale, cod fiscale, cod fisc, steuer id, steuerid,
        steuernummer, steueridentifikationsnummer, sozialversicherungsnummer, sv nummer, svnr,
        rentenversicherungsnummer, ahv nummer, ahv, avs number, personnummer, personal number, fodselsnummer, cpr, cpr
        number, cprnr, hetu, henkilotunnus, isikukood, asmens kodas, personas kods, rodne cislo, rodnecislo, cnp, egn,
        oib, jmbg, emso, amka, afm, kennitala, tc kimlik*, tckn, kimlik no, curp, rfc, rut, cedula, cuil, cuit, nhs
        number, nhs no, medicare number, tax id*, taxpayer id, tax identification*, tax file number, itin, driver
        license*, drivers license*, driver licence*, driving licence*, driving license*, driverslicense*,
        fuhrerschein*, permis de conduire, licencia de conducir, snils, снилс, паспорт, инн, 身份证, 身分證, マイナンバー, 個人番号,
        주민등록번호, 주민번호, nik ktp, ktp, nric, documento identidad, documento de identidad, numero documento, dowod
        osobisty, numer dowodu, rijksregisternummer, numero national, rrn, teudat zehut, تعريف وطنية, رقم الهوية
        """
    ),
    "pii.birthdate": _phrases(
        """
        birth*, birthdate*, birthday*, date of birth, dob, bday, born, born on, geburt*, geb datum, gebdat*, geb dat,
        gebdatum, date naissance, naissance*, date de naissance, ddn, dt naiss, fecha nacimiento, nacimiento*, fec
        nac, fecha nac, fnac, f nacimiento, data di nascita, nascita*, data nascita, dt nasc, data nasc, nascimento*,
        geboorte*, fodelse*, fodsels*, syntyma*, data urodzenia, urodzenia, urodzin*, data ur, datum narozeni,
        narozeni*, narodenia, datum rodenja, rodenja, datum rojstva, dogum*, dogum tarihi, szuletes*, data nasterii,
        nasterii, рождения, рожд, народження, 出生, 生日, 生年月日, 誕生日, 생년월일, 생일, الميلاد, ميلاد, تولد, जन्म, วันเกิด, ngay
        sinh, tanggal lahir, tgl lahir, γεννησης, dateofbirth, cust dob, yob, gbdat, birth dt, brth dt, brthdt
        """
    ),
    "pii.name": _phrases(
        """
        first name, firstname*, last name, lastname*, fname, lname, mname, given name*, givenname*, family name,
        familyname*, surname*, forename*, middle name, middlename*, full name, fullname*, maiden name, person name,
        patient name, customer name, cust name, custname, client name, employee name, emp name, empname, contact name,
        contact person, passenger name, student name, member name, cardholder*, card holder*, account holder*, holder
        name, owner name, guest name, teacher name, doctor name, recipient name, vorname*, nachname*, familienname*,
        zuname, geburtsname, ansprechpartner*, kundenname, mitarbeitername, karteninhaber*, prenom*, nom de famille,
        nom famille, nom complet, nom client, apellido*, primer nombre, nombre completo, nombre cliente, nombres,
        nombre pila, cognome*, nome completo, nome cliente, nome proprio, sobrenome*, apelido, primeiro nome,
        voornaam*, achternaam*, familienaam, volledige naam, imie, nazwisko*, fornamn*, efternamn*, fornavn*,
        etternavn*, efternavn*, etunimi*, sukunimi*, jmeno, prijmeni*, krstni, priezvisko, keresztnev*, vezeteknev*,
        prenume*, nume familie, soyad*, soyadi, ad soyad, adi soyadi, isim soyisim, soyisim, prezime, priimek, имя,
        фамилия, отчество, фио, імя, прізвище, 姓名, 氏名, 名字, 姓, お名前, 苗字, 성명, 이름, الاسم الاول, اسم العائلة, اسم الاول,
        نام خانوادگی, नाम, ชื่อ นามสกุล, นามสกุล, ho ten, ho va ten, nama lengkap, nama depan, επωνυμο, ονομα, שם
        משפחה, שם פרטי, frst nm, lst nm, fst name, lst name, f name, l name, fst nm, cust nm, full nm, pat name, nm
        first, nm last, name first, name last, name full, legal name, preferred name, nickname, applicant name,
        beneficiary name, author name, driver name, witness name, next of kin, emergency contact, signatory, ship to
        name, bill to name, shipping name, billing name
        """
    ),
    "pii.address": _phrases(
        """
        street*, address, addresses, home address, addr, address line*, addressline*, addr line, addr1, street
        address, mailing address, postal address, shipping address, billing address, strasse*, anschrift*, wohnort
        adresse, hausnummer, strasse hausnummer, adresse*, rue, adresse postale, domicile, direccion*, calle,
        domicilio*, indirizzo*, residenza, endereco*, logradouro, morada, straat*, straatnaam, adres*, ulica*,
        adresa*, gatuadress*, gata, gate adresse, gateadresse, osoite*, katuosoite, lakcim, utca, cim, adresi, sokak,
        адрес, улица, адреса, 地址, 住址, 住所, 番地, 주소, العنوان, عنوان, آدرس, पता, ที่อยู่, dia chi, alamat*, διευθυνση,
        כתובת, residence, strret, str addr, addr ln, addr line1, residential addr, cust addr, ship to, deliver to
        """
    ),
    "geo.coordinates": _phrases(
        """
        latitude, longitude, lat, lon, lng, long lat, lat lon, lat lng, latlng, latlon, geo point, geopoint, gps, gps
        position, coordinates, coords, geolocation, geo location, breitengrad, laengengrad, langengrad, latitud,
        longitud, latitudine, longitudine, широта, долгота, 纬度, 经度, 緯度, 経度
        """
    ),
    "secret.credential": _phrases(
        """
        password*, passwd*, pwd, passphrase, passwort*, kennwort, mot de passe, contrasena*, senha, haslo,
        wachtwoord*, losenord, parola, пароль, 密码, パスワード, 비밀번호, api key*, apikey*, secret key, secretkey*, access key,
        private key, client secret, auth token, access token, refresh token, accesstoken*, bearer token, secret, jwt,
        pw hash
        """
    ),
}

LIKELY: Mapping[str, tuple[str, ...]] = {
    "pii.email": _phrases(
        """
        mail, eml, correo, contact, kontakt, contacto, contatto, login, recipient, sender, username, user name
        """
    ),
    "pii.phone": _phrases(
        """
        contact, kontakt, contacto, mob, ph, number, nummer, numero, call, caller, callee, recipient, sender, work,
        home, office
        """
    ),
    "pii.card": _phrases(
        """
        card, pan, karte, tarjeta, carte, carta, cartao, karta, kort, cc, payment
        """
    ),
    "pii.iban": _phrases(
        """
        account, acct, bank account, konto*, bankverbindung, cuenta, compte, conto, rekening*, bban, rib, счет, 账户,
        口座, acc no
        """
    ),
    "pii.ip": _phrases(
        """
        host, client addr, client, peer, source, origin, remote, addr, server, visitor, src, dst
        """
    ),
    "pii.mac": _phrases(
        """
        mac, device, hw addr, station
        """
    ),
    "pii.national_id": _phrases(
        """
        identification, id number, id no, idnr, identifier, document number, document no, tin, nid, national number,
        personal id, person id, tax number, license, licence, kimlik, documento, nit, ric, identificacion, insurance
        number, citizen id, fiscal, tax no, identificativo
        """
    ),
    "pii.birthdate": _phrases(
        """
        age date, nac, nasc, naiss, geb, birth yr
        """
    ),
    "pii.name": _phrases(
        """
        name, names, nm, nom, nome, nombre, naam, namn, navn, nimi, nazwa, nazev, nev, nume, isim, ime, nama, ten,
        first, last, given, family, middle, person, author, employee, passenger, patient, customer, client, contact,
        owner, teacher, student, doctor, physician, manager, assignee, reporter, recipient, sender, guest, player,
        driver, holder, signer, beneficiary, kunde, mitarbeiter, cliente, empleado, dipendente, tenant, supervisor,
        agent, attendee, candidate, resident, lead, user, display name, created by, approved by, updated by, signed
        by, 姓, 名, ad, adi, названи, حسب, اسم, نام, 명, ชื่อ, שם
        """
    ),
    "pii.address": _phrases(
        """
        location, residence, place, wohnort, domicil, lieu, delivery, destination, ship, where, addr, via, cim, line,
        site
        """
    ),
    "geo.coordinates": _phrases(
        """
        location, position, geo, point, pos, x, y
        """
    ),
    "secret.credential": _phrases(
        """
        token, hash, key, credential, auth, pass
        """
    ),
}

# Words that say the field is about such a thing, and is none: `email_verified`, `phone_count`, `address_type`.
ABOUT = word_set(
    """
    ms latency     attempts attempt changes uses nb fails failures retries
    at bounce bounced brand campaign carrier changed city cnt code confirmed consent count country created disabled
    domain enabled encrypted error exp expiration expires expiry flag format frequency has hash hashed is issuer kind
    len length line_type masked md5 method model network notification notifications notify num_of number_of opened opt
    optin order os permission place preference prefix provider quality rank rate rating ratio reason redacted required
    risk scheme score sent sha sha256 source state status subject subscribed template timestamp token total ts type
    unsubscribed updated valid validated verification verified version weight
    """
)
# `first_name` of a person and `name` of a thing: words that make a name one of a thing.
THINGS = word_set(
    """
    employer employers arbeitgeber employeur empleador
    abteilung agency aircraft airline airport album animal app application archivo article articolo articulo artikel
    azienda banca banco bank banque book branch brand breed bucket business campaign car category channel chemical
    citta city ciudad class club cluster college color colour column commit company compound constellation container
    country county course currency database dataset datei db department dept device disease dish district domain drug
    element empresa entreprise event feature fichier field file filename film firm firma font function game gemeinde
    gene genre group hersteller hospital host hostname hotel image index ingredient item job key label lake land lang
    language layer league make manufacturer map marca medicine menu merchant method metric mineral model module
    mountain movie namespace node org organisation organisme organization ort package paese page pais param parameter
    path pays pipeline plan plane planet plant playlist plugin pod policy process prodotto producer product producto
    produit produkt program programme project protein province publisher queue recipe region repo repository
    restaurant river road role rule schema school schule sensor server service ship shop site societe song species
    stadium stadt star stat state station status store street studio subscription supplier symptom table tag task team
    template tenant theme timezone title topic tournament town track train type unit university unternehmen variable
    vehicle vendor venue vessel village ville warehouse zone
    """
)
# Words that make a plain `name` one of a person, in the name or in what it is in.
PEOPLE = word_set(
    """
    account accounts adherent alumno aluno anstalld applicant asiakas attendee author beneficiary benutzer biller
    buyer calisan candidate child citizen client cliente clientes clients contact contacts crew crm customer customers
    dipendente dipendenti doctor donor driver eleve emp empleado empleados employee employees fahrgast father
    funcionario guest guests hasta henkilo hr klant klanten klienci klient kund kunde kunden kunder medewerker
    medewerkers member members mitarbeiter mother musteri osoba osoby owner paciente pacientes parent passenger
    passengers patient patienten patients payee payer payroll paziente people person persona personas persone personen
    persons pessoa pessoas player pracownik profile profiles recipient rep resident salarie salaries sales_rep schuler
    sender signer spouse staff student students subscriber teacher tenant user users usuario usuarios utente utenti
    utilisateur utilisateurs voter worker zakaznik zamestnanec клиент клиенты пациент пользователь сотрудник
    сотрудники 员工 客户 用户 社員 顧客 고객 사용자 직원
    """
)
# Words that make a number one of a thing: it may look like a person's, and pass a check by chance.
CODES = word_set(
    """
    amount article artikelnummer barcode batch bestellnummer build catalog catalogue checksum commande commit
    correlation crc digest doi ean epoch factura facture gtin guid hash iccid imei invoice isbn issn item lot md5
    millis model ms order part pedido price product qty quantity ref reference request revision seq sequence serial
    sha sha1 sha256 sku span stock ticket timestamp total trace tracking ts upc uuid version vin
    """
)
